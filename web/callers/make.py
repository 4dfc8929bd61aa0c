"""Makes the sound of the recorded callers again: for every NAME.toml the NAME.wav, and the places of its cues in it.

Needs espeak-ng and Python 3.11, nothing else. `python3 make.py` makes all, `python3 make.py zh-bill` one.
A cue's `say` is what espeak-ng is given (pinyin, with the tones as they are spoken), its `text` what a person would write.
The sound is what a telephone carries: 8 kHz and µ-law, written as 16 kHz mono; so it is on the line the recognizer knows.
"""
import array
import io
import math
import pathlib
import re
import subprocess
import sys
import tomllib
import wave

HERE = pathlib.Path(__file__).parent
RATE = 16000
LEAD_MS, TAIL_MS, GAP_MS = 150, 250, 300   # silence in a cue before and after the speech, and between cues
LEVEL_DBOV = -22.0
HALF_WIDTH = 16


def resample(samples, source, target):
    """Windowed sinc; what lies above the lower rate's half is taken out."""
    divisor = math.gcd(source, target)
    up, down = target // divisor, source // divisor
    widening = max(1.0, down / up)
    reach = math.ceil(HALF_WIDTH * widening)
    phases = []
    for phase in range(up):
        taps = []
        for k in range(-reach + 1, reach + 1):
            t = k - phase / up
            x = t / widening * 0.92
            sinc = 1.0 if abs(x) < 1e-9 else math.sin(math.pi * x) / (math.pi * x)
            hann = 0.5 + 0.5 * math.cos(math.pi * t / reach) if abs(t) < reach else 0.0
            taps.append(sinc * hann)
        total = sum(taps)
        phases.append([tap / total for tap in taps])
    padded = [0.0] * reach + list(samples) + [0.0] * (reach + 1)
    out = []
    for n in range(len(samples) * up // down):
        at, phase = divmod(n * down, up)
        out.append(sum(map(float.__mul__, phases[phase], padded[at + 1:at + 1 + 2 * reach])))
    return out


def mulaw(x):
    """G.711 µ-law there and back, of a sample in -1..1."""
    code = round(math.copysign(math.log1p(255 * min(1.0, abs(x))) / math.log(256), x) * 127) / 127
    return math.copysign((256 ** abs(code) - 1) / 255, code)


def speak(voice, text):
    """The telephone's sound of one text, without silence at its ends."""
    command = ['espeak-ng', '-v', voice['name'], '-s', str(voice['words_per_minute']), '-p', str(voice['pitch']), '-b', '1', '-z', '--stdin', '--stdout']
    made = subprocess.run(command, input=(text + '\n').encode(), stdout=subprocess.PIPE, check=True).stdout
    with wave.open(io.BytesIO(made)) as file:
        rate, raw = file.getframerate(), array.array('h', file.readframes(1 << 30))
    sound = [s / 32768.0 for s in raw]
    loud = [i for i, s in enumerate(sound) if abs(s) > 0.01]
    sound = resample(sound[loud[0]:loud[-1] + 1], rate, 8000)
    power = math.sqrt(sum(s * s for s in sound) / len(sound))
    gain = min(10 ** (LEVEL_DBOV / 20) / power, 0.98 / max(map(abs, sound)))
    return resample([mulaw(s * gain) for s in sound], 8000, RATE)


def silence(ms):
    return [0.0] * (RATE * ms // 1000)


def make(path):
    """Writes the WAV file, and the places of the cues into the TOML file."""
    text = path.read_text()
    caller = tomllib.loads(text)
    sound, places = silence(GAP_MS), []
    for cue in caller.get('cue', []):
        begin = len(sound) * 1000 // RATE
        spoken = silence(LEAD_MS) + speak(caller['voice'], cue.get('say', cue['text'])) + silence(TAIL_MS)
        spoken += [0.0] * (-len(spoken) % (RATE // 50))
        sound += spoken
        places.append((begin, len(sound) * 1000 // RATE))
        sound += silence(GAP_MS)
    if not places:
        sound += silence(700)
    with wave.open(str(path.with_suffix('.wav')), 'wb') as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(RATE)
        file.writeframes(array.array('h', [max(-32767, min(32767, round(s * 32767))) for s in sound]).tobytes())
    starts, ends = iter(places), iter(places)
    text = re.sub(r'^from_ms = .*$', lambda _: f'from_ms = {next(starts)[0]}', text, flags=re.M)
    text = re.sub(r'^to_ms = .*$', lambda _: f'to_ms = {next(ends)[1]}', text, flags=re.M)
    text = re.sub(r'^seconds = .*$', f'seconds = {len(sound) / RATE:.2f}', text, flags=re.M)
    path.write_text(text)
    print(f'{path.stem}: {len(places)} cues, {len(sound) / RATE:.1f} s')


if __name__ == '__main__':
    names = sys.argv[1:] or sorted(path.stem for path in HERE.glob('*.toml'))
    for name in names:
        make(HERE / f'{name}.toml')
