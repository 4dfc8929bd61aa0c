// A real soft phone: baresip, with a WAV as its microphone and a WAV of what it hears.

import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort, until } from './engine.mjs';

const MODULES = '/usr/lib/baresip/modules';

/**
 * Starts a phone that logs in as `user`. `wav` is what it says in every call, mono at the codec's
 * `rate_hz`; `answer`: `manual` waits for the button, `auto` answers by itself. `codec` is what it offers, `srtp` whether it insists on
 * encrypted sound. With `port` it does not log in, and waits there for calls to `user`.
 */
export async function openPhone({ engine, user, wav, answer = 'manual', codec = 'PCMU', rate_hz = 8000, srtp = false, port = 0 }) {
  const folder = join(engine.folder, `phone-${user}-${Date.now()}`);
  mkdirSync(folder);
  const [control, sip] = [await freePort(), port || (await freePort())];
  writeFileSync(join(folder, 'config'), [
    'poll_method epoll', `sip_listen 127.0.0.1:${sip}`,
    `audio_player aufile,${folder}/unused.wav`, `audio_source aufile,${wav}`, `audio_alert aufile,${folder}/unused.wav`,
    `ausrc_srate ${rate_hz}`, `auplay_srate ${rate_hz}`, 'ausrc_channels 1', 'auplay_channels 1', 'audio_level no',
    'rtp_ports 31000-31999', `module_path ${MODULES}`,
    ...['g711', 'g722', 'opus', 'srtp', 'aufile', 'sndfile'].map((name) => `module ${name}.so`),
    'module_tmp uuid.so', 'module_tmp account.so', 'module_app menu.so', 'module_app ctrl_tcp.so',
    `ctrl_tcp_listen 127.0.0.1:${control}`, `snd_path ${folder}`, '',
  ].join('\n'));
  const account = [
    `<sip:${user}@127.0.0.1:${engine.sip}>`, `auth_user=${user}`, `auth_pass=${user}-demo`, `regint=${port ? 0 : 60}`,
    `audio_codecs=${codec}`, `answermode=${answer}`, ...(srtp ? ['mediaenc=srtp-mand'] : []),
  ];
  writeFileSync(join(folder, 'accounts'), `${account.join(';')}\n`);
  writeFileSync(join(folder, 'contacts'), '');
  let log = '';
  const child = spawn('baresip', ['-4', '-f', folder], { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const pipe of [child.stdout, child.stderr]) pipe.on('data', (text) => (log = (log + text).slice(-20_000)));
  process.once('exit', () => child.kill('SIGKILL'));
  const line = await until('the phone to start', 10_000, () => dial(control));
  const events = [];
  read(line, (message) => message.event && events.push(message.type));
  const phone = {
    log: () => log,
    /** What happened on the phone: `CALL_INCOMING`, `CALL_ESTABLISHED`, `CALL_CLOSED`… */
    happened: (type, limit_ms = 10_000) => until(`${type} at ${user}'s phone`, limit_ms, () => events.includes(type)),
    /** Presses a button: `dial`, `hold`, `resume`, `hangup`, `sndcode`… */
    press(command, params) {
      const text = JSON.stringify({ command, params });
      line.write(`${Buffer.byteLength(text)}:${text},`);
    },
    /** The WAV of what was heard in the latest call; whole once the call is over. */
    heard: () => join(folder, readdirSync(folder).filter((name) => name.endsWith('-dec.wav')).sort().at(-1)),
    async close() {
      phone.press('quit');
      await until('the phone to end', 5000, () => child.exitCode !== null).catch(() => child.kill('SIGKILL'));
    },
  };
  await until(`${user}'s phone to be ready`, 10_000, () => log.includes(port ? 'baresip is ready' : '200 OK')).catch((error) => {
    child.kill('SIGKILL');
    throw new Error(`${error.message}\n${log}`);
  });
  return phone;
}

function dial(port) {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => done(socket));
    socket.on('error', () => done(null));
  });
}

/** Netstrings of JSON. */
function read(socket, take) {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (text) => {
    rest += text;
    for (;;) {
      const [head] = rest.match(/^\d+:/) ?? [];
      if (!head || rest.length < head.length + parseInt(head) + 1) return;
      take(JSON.parse(rest.slice(head.length, head.length + parseInt(head))));
      rest = rest.slice(head.length + parseInt(head) + 1);
    }
  });
}
