package org.glasspose.core;

import java.util.Arrays;

/** From scores to decisions. {@code trust} is null where none was fitted for answers of this kind. */
public record Calibration(double[] seen, double person, Trust trust) {

    /** The mean of the highest scores, so many of them. */
    public static double personScore(double[] scores, int strongest) {
        double[] rising = scores.clone();
        Arrays.sort(rising);
        int count = Math.min(strongest, rising.length);
        return Arrays.stream(rising, rising.length - count, rising.length).average().orElse(0);
    }

    /** From scores to probabilities and radii. Knots are (score, probability) in rising order; radii those of unseen small, unseen large, ... */
    public record Trust(double[][][] knots, double[][] radius, double large) {

        /** The probability that a keypoint lies where a person would label it: on the line between its knots. */
        public double probability(int keypoint, double score) {
            double[][] own = knots[keypoint];
            int last = own.length - 1;
            if (score >= own[last][0]) {
                return own[last][1];
            }
            int above = 0;
            while (own[above][0] <= score) {
                above++;
            }
            if (above == 0) {
                return own[0][1];
            }
            double[] low = own[above - 1], high = own[above];
            return low[1] + (score - low[0]) / (high[0] - low[0]) * (high[1] - low[1]);
        }

        /** The radius in image pixels that holds the label of a keypoint in nine cases of ten. */
        public double radius(int keypoint, double[][] keypoints, boolean seen) {
            double size = size(keypoints);
            return radius[keypoint][(seen ? 2 : 0) + (size >= large ? 1 : 0)] * size;
        }

        private static double size(double[][] keypoints) {
            double wide = side(keypoints, 0), high = side(keypoints, 1);
            double longer = Math.max(1, Math.max(wide, high));
            return Math.sqrt(longer * Math.max(Math.min(wide, high), 0.25 * longer));
        }

        private static double side(double[][] points, int axis) {
            return Arrays.stream(points).mapToDouble(point -> point[axis]).max().orElse(0)
                    - Arrays.stream(points).mapToDouble(point -> point[axis]).min().orElse(0);
        }
    }
}
