package org.glasspose.core;

/** Crops cut out of pictures, to the pixel values that glasspose's Python (OpenCV's bilinear warp and area means) gives. */
public final class Warp {
    private Warp() {}

    /**
     * The picture through a map, on a canvas of this size; {@code padding} (RGB) where it has no pixels. Where the map shrinks by two or more,
     * whole pixels are averaged first, so that fine patterns do not alias.
     */
    public static Picture warped(Picture picture, Affine map, int width, int height, int[] padding) {
        int shrink = (int) (1 / Math.max(map.scale(), 1e-6));
        if (shrink >= 2) {
            int smallWidth = Math.max(1, (picture.width() + shrink - 1) / shrink);
            int smallHeight = Math.max(1, (picture.height() + shrink - 1) / shrink);
            Affine back = Affine.resize(picture.width(), picture.height(), smallWidth, smallHeight).inverse();
            return bilinear(averaged(picture, smallWidth, smallHeight), map.after(back), width, height, padding);
        }
        return bilinear(picture, map, width, height, padding);
    }

    /** In 32 bits, as OpenCV does it: where values lie half-way between two levels, the last bits decide. */
    private static Picture bilinear(Picture picture, Affine map, int width, int height, int[] padding) {
        Affine back = map.inverse();
        float a = (float) back.a(), b = (float) back.b(), c = (float) back.c();
        float d = (float) back.d(), e = (float) back.e(), f = (float) back.f();
        byte[] rgb = new byte[width * height * Picture.CHANNELS];
        int out = 0;
        for (int v = 0; v < height; v++) {
            for (int u = 0; u < width; u++) {
                float x = u * a + (v * b + c), y = u * d + (v * e + f);
                int left = (int) Math.floor(x), top = (int) Math.floor(y);
                for (int channel = 0; channel < Picture.CHANNELS; channel++) {
                    float upper = between(picture, left, top, x - left, channel, padding);
                    float lower = between(picture, left, top + 1, x - left, channel, padding);
                    rgb[out++] = (byte) Math.rint(upper + (y - top) * (lower - upper));
                }
            }
        }
        return new Picture(width, height, rgb);
    }

    private static float between(Picture picture, int x, int y, float share, int channel, int[] padding) {
        float one = valueAt(picture, x, y, channel, padding);
        return one + share * (valueAt(picture, x + 1, y, channel, padding) - one);
    }

    private static int valueAt(Picture picture, int x, int y, int channel, int[] padding) {
        boolean inside = x >= 0 && y >= 0 && x < picture.width() && y < picture.height();
        return inside ? picture.at(x, y, channel) : padding[channel];
    }

    /** Smaller, each new pixel the mean of the area that it covers. */
    static Picture averaged(Picture picture, int width, int height) {
        double[] rows = new double[width * picture.height() * Picture.CHANNELS];
        double sx = (double) picture.width() / width, sy = (double) picture.height() / height;
        for (int x = 0; x < width; x++) {
            for (int from = (int) (x * sx); from < Math.min(picture.width(), Math.ceil((x + 1) * sx)); from++) {
                double share = overlap(from, x * sx, (x + 1) * sx) / sx;
                for (int y = 0; y < picture.height(); y++) {
                    for (int channel = 0; channel < Picture.CHANNELS; channel++) {
                        rows[(y * width + x) * Picture.CHANNELS + channel] += share * picture.at(from, y, channel);
                    }
                }
            }
        }
        double[] sums = new double[width * height * Picture.CHANNELS];
        int row = width * Picture.CHANNELS;
        for (int y = 0; y < height; y++) {
            for (int from = (int) (y * sy); from < Math.min(picture.height(), Math.ceil((y + 1) * sy)); from++) {
                double share = overlap(from, y * sy, (y + 1) * sy) / sy;
                for (int i = 0; i < row; i++) {
                    sums[y * row + i] += share * rows[from * row + i];
                }
            }
        }
        boolean halved = sx == 2 && sy == 2; // of four pixels OpenCV rounds halves up, otherwise to even
        byte[] rgb = new byte[sums.length];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) (halved ? Math.floor(sums[i] + 0.5) : Math.rint((float) sums[i]));
        }
        return new Picture(width, height, rgb);
    }

    private static double overlap(int pixel, double low, double high) {
        return Math.max(0, Math.min(high, pixel + 1) - Math.max(low, pixel));
    }
}
