"""Log-mel spectrum exactly as whisper.cpp computes it, before its clamp and scaling (log10, 80 bands, 10 ms)."""
import os

import numpy as np

HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)).astype(np.float32)
_filters = None


def set_assets(folder):
    """Load the mel filters of the openai-whisper source package."""
    global _filters
    _filters = np.load(os.path.join(folder, 'mel_filters.npz'))['mel_80'].astype(np.float32)


def filters():
    """The 80 x 201 filter matrix."""
    return _filters


def logmel(x):
    """16 kHz float signal -> frames x 80, float16."""
    x = np.round(np.clip(x, -1, 1) * 32767).astype(np.float32) / 32768
    p = np.concatenate([x[200:0:-1], x, np.zeros(400, np.float32)])
    n = len(x) // 160 + 1
    fr = np.lib.stride_tricks.sliding_window_view(p, 400)[::160][:n] * HANN
    s = np.abs(np.fft.rfft(fr, axis=1)).astype(np.float32) ** 2
    return np.log10(np.maximum(s @ _filters.T, 1e-10)).astype(np.float16)
