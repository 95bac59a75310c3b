declare const ORT_VERSION: string;
declare const WORKER: string;
declare const SHELL: string[];
declare const SHELL_VERSION: string;
