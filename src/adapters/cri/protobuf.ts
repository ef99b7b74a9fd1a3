import protobuf from "protobufjs/minimal.js";

/**
 * The protobuf runtime under the generated code, told to read 64-bit integers as numbers. Sizes and counters stay exact to 2^53;
 * times in nanoseconds are rounded to 256 ns, which is far below what a status shows. Without this each one would be an object of package "long".
 */
protobuf.util.Long = null as unknown as typeof protobuf.util.Long;
protobuf.configure();

export { protobuf };
