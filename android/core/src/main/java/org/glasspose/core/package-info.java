/**
 * Camera frames to crops, and a network's answers to a pose: plain Java, without a class of Android's.
 *
 * <p>It repeats, number by number, what glasspose does in Python; {@code android/vectors.py} writes what Python says, and the tests here hold
 * Java against it. Points are x, y; pixel centres lie at whole numbers; boxes are counted from the picture's corner: the whole picture is
 * (0, 0, width, height).
 */
package org.glasspose.core;
