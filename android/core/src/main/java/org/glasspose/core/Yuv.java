package org.glasspose.core;

import java.nio.ByteBuffer;

/**
 * A camera frame of Android's format YUV_420_888: brightness for each pixel, and two colour planes of half the size.
 *
 * <p>Rows may be longer than the picture, and the two colour planes may lie in one another (a pixel stride of 2). The numbers are those of
 * JPEG: the full range 0 to 255, BT.601.
 */
public record Yuv(int width, int height, Plane y, Plane u, Plane v) {

    /** One plane: its bytes, and how many of them lie between two rows and between two pixels of a row. */
    public record Plane(ByteBuffer bytes, int rowStride, int pixelStride) {

        private void check(int width, int height, String name) {
            long last = (long) (height - 1) * rowStride + (long) (width - 1) * pixelStride;
            if (pixelStride < 1 || rowStride < (width - 1) * pixelStride + 1 || last >= bytes.limit()) {
                throw new IllegalArgumentException("plane " + name + " is too small for " + width + " x " + height);
            }
        }

        private int at(int x, int y) {
            return bytes.get(y * rowStride + x * pixelStride) & 0xff;
        }
    }

    public Yuv {
        if (width < 1 || height < 1) {
            throw new IllegalArgumentException("a frame of " + width + " x " + height);
        }
        y.check(width, height, "Y");
        u.check((width + 1) / 2, (height + 1) / 2, "U");
        v.check((width + 1) / 2, (height + 1) / 2, "V");
    }

    /** In colours; each colour sample stands for four pixels. */
    public Picture toPicture() {
        byte[] rgb = new byte[width * height * Picture.CHANNELS];
        int out = 0;
        for (int row = 0; row < height; row++) {
            for (int column = 0; column < width; column++) {
                double luma = y.at(column, row);
                double blue = u.at(column / 2, row / 2) - 128;
                double red = v.at(column / 2, row / 2) - 128;
                rgb[out++] = level(luma + 1.402 * red);
                rgb[out++] = level(luma - 0.344136 * blue - 0.714136 * red);
                rgb[out++] = level(luma + 1.772 * blue);
            }
        }
        return new Picture(width, height, rgb);
    }

    private static byte level(double value) {
        return (byte) Math.max(0, Math.min(255, Math.round(value)));
    }
}
