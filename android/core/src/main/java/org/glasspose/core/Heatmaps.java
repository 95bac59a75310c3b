package org.glasspose.core;

import java.util.Arrays;

/** The maps of one crop, K x height x width, one after the other: averaged with those of the mirrored crop, and read off. */
public record Heatmaps(int keypoints, int height, int width, float[] values) {
    /** Input pixels for one pixel of a map. */
    public static final int STRIDE = 4;
    private static final double WIDEST = 1.0;

    public Heatmaps {
        if (keypoints < 1 || height < 1 || width < 1 || (long) keypoints * height * width != values.length) {
            throw new IllegalArgumentException(values.length + " values are no " + keypoints + " maps of " + width + " x " + height);
        }
    }

    /** The mean of these maps and those of the mirrored crop, mirrored back; {@code flip} holds for each keypoint its mirror twin's place. */
    public Heatmaps averaged(Heatmaps mirrored, int[] flip) {
        float[] out = new float[values.length];
        for (int k = 0; k < keypoints; k++) {
            for (int y = 0; y < height; y++) {
                for (int x = 0; x < width; x++) {
                    int at = (k * height + y) * width + x;
                    out[at] = (values[at] + mirrored.values[(flip[k] * height + y) * width + width - 1 - x]) / 2;
                }
            }
        }
        return new Heatmaps(keypoints, height, width, out);
    }

    /** Keypoints in input pixels and scores, the peaks' heights, by DARK: one Newton step to the top of the smoothed map's logarithm. */
    public Answer dark(double sigma) {
        double[][] points = new double[keypoints][];
        double[] scores = new double[keypoints];
        double[] kernel = kernel(Math.min(sigma, WIDEST));
        for (int k = 0; k < keypoints; k++) {
            int peak = peak(k);
            int x = peak % width, y = peak / width;
            double[] step = isWithin(x, y, 2) ? newton(logarithms(k, x, y, kernel)) : new double[2];
            points[k] = new double[] {(x + step[0] + 0.5) * STRIDE - 0.5, (y + step[1] + 0.5) * STRIDE - 0.5};
            scores[k] = Math.max(0, Math.min(1, values[k * height * width + peak]));
        }
        return new Answer(points, scores);
    }

    private int peak(int k) {
        int first = k * height * width, best = first;
        for (int i = first; i < first + height * width; i++) {
            best = values[i] > values[best] ? i : best;
        }
        return best - first;
    }

    private boolean isWithin(int x, int y, int distance) {
        return x >= distance && y >= distance && x < width - distance && y < height - distance;
    }

    /** The logarithms of the smoothed map, two pixels around a peak. */
    private double[][] logarithms(int k, int x, int y, double[] kernel) {
        double[][] found = new double[5][5];
        for (int j = 0; j < 5; j++) {
            for (int i = 0; i < 5; i++) {
                found[j][i] = Math.log(Math.max(1e-10, smoothed(k, x + i - 2, y + j - 2, kernel)));
            }
        }
        return found;
    }

    /** Nothing lies beyond the border. */
    private double smoothed(int k, int x, int y, double[] kernel) {
        int reach = kernel.length / 2;
        double sum = 0;
        for (int j = Math.max(0, y - reach); j <= Math.min(height - 1, y + reach); j++) {
            double line = 0;
            for (int i = Math.max(0, x - reach); i <= Math.min(width - 1, x + reach); i++) {
                line += kernel[i - x + reach] * values[(k * height + j) * width + i];
            }
            sum += kernel[j - y + reach] * line;
        }
        return sum;
    }

    private static double[] kernel(double sigma) {
        int reach = (int) Math.rint(3 * sigma);
        double[] found = new double[2 * reach + 1];
        for (int i = 0; i < found.length; i++) {
            found[i] = Math.exp(-0.5 * Math.pow((i - reach) / sigma, 2));
        }
        double sum = Arrays.stream(found).sum();
        return Arrays.stream(found).map(value -> value / sum).toArray();
    }

    private static double[] newton(double[][] p) {
        double dx = (p[2][3] - p[2][1]) / 2, dy = (p[3][2] - p[1][2]) / 2;
        double dxx = (p[2][4] - 2 * p[2][2] + p[2][0]) / 4, dyy = (p[4][2] - 2 * p[2][2] + p[0][2]) / 4;
        double dxy = (p[3][3] - p[1][3] - p[3][1] + p[1][1]) / 4;
        double determinant = dxx * dyy - dxy * dxy;
        if (Math.abs(determinant) <= 1e-12) {
            return new double[2];
        }
        return new double[] {bounded((dxy * dy - dyy * dx) / determinant), bounded((dxy * dx - dxx * dy) / determinant)};
    }

    private static double bounded(double step) {
        return Math.max(-2, Math.min(2, step));
    }
}
