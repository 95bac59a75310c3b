package org.glasspose.core;

/** Whatever runs the exported file. */
public interface Network {
    /** Of a crop of the input's size. */
    Answer ask(Picture crop);
}
