package org.glasspose.core;

/** An 8-bit picture, its rows from the top, each pixel as red, green, blue. */
public record Picture(int width, int height, byte[] rgb) {
    /** Of one value: red, green or blue. */
    public static final int CHANNELS = 3;

    public Picture {
        if (width < 1 || height < 1 || (long) width * height * CHANNELS != rgb.length) {
            throw new IllegalArgumentException(rgb.length + " bytes are no RGB picture of " + width + " x " + height);
        }
    }

    /** Red (0), green (1) or blue (2) of a pixel, 0 to 255. */
    public int at(int x, int y, int channel) {
        return rgb[(y * width + x) * CHANNELS + channel] & 0xff;
    }

    /** Left and right exchanged. */
    public Picture mirrored() {
        byte[] out = new byte[rgb.length];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                copy(x, y, out, y * width + width - 1 - x);
            }
        }
        return new Picture(width, height, out);
    }

    /** Turned clockwise by 0, 90, 180 or 270 degrees: what a camera says is needed to make its frame upright. */
    public Picture turned(int degrees) {
        return switch (Math.floorMod(degrees, 360)) {
            case 0 -> this;
            case 90 -> turned(height, width, true, false);
            case 180 -> turned(width, height, false, true);
            case 270 -> turned(height, width, true, true);
            default -> throw new IllegalArgumentException(degrees + " degrees are no quarter turns");
        };
    }

    private Picture turned(int newWidth, int newHeight, boolean quarter, boolean back) {
        byte[] out = new byte[rgb.length];
        for (int y = 0; y < newHeight; y++) {
            for (int x = 0; x < newWidth; x++) {
                int fromX = quarter ? (back ? width - 1 - y : y) : width - 1 - x;
                int fromY = quarter ? (back ? x : height - 1 - x) : height - 1 - y;
                copy(fromX, fromY, out, y * newWidth + x);
            }
        }
        return new Picture(newWidth, newHeight, out);
    }

    private void copy(int x, int y, byte[] out, int pixel) {
        System.arraycopy(rgb, (y * width + x) * CHANNELS, out, pixel * CHANNELS, CHANNELS);
    }
}
