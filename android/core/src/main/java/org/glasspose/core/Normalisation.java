package org.glasspose.core;

/** What a network takes whose file does not normalise itself. Mean and deviation are those of channels between 0 and 1. */
public record Normalisation(boolean inside, double[] mean, double[] deviation) {

    /** Channels first: all reds, then all greens, then all blues. */
    public float[] of(Picture crop) {
        int pixels = crop.width() * crop.height();
        float[] out = new float[pixels * Picture.CHANNELS];
        for (int channel = 0; channel < Picture.CHANNELS; channel++) {
            for (int i = 0; i < pixels; i++) {
                double value = (crop.rgb()[i * Picture.CHANNELS + channel] & 0xff) / 255.0;
                out[channel * pixels + i] = (float) ((value - mean[channel]) / deviation[channel]);
            }
        }
        return out;
    }
}
