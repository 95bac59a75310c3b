package org.glasspose.core;

/** A sidecar, or the file that it belongs to, that cannot be used: what is wrong in one line, and what helps. */
public final class SidecarException extends Exception {
    private static final long serialVersionUID = 1;
    private final String remedy;

    public SidecarException(String problem, String remedy) {
        super(problem);
        this.remedy = remedy;
    }

    /** What to do about it. */
    public String remedy() {
        return remedy;
    }
}
