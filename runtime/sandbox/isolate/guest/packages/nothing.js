// Stands for tables of legacy encodings that whatwg-url only loads for their side effect.
export {};
