import { moduleLevels } from "../codecs-record.ts";
import { bool, durationOrNanos, level, size, text } from "../codecs-scalar.ts";
import { option } from "../option.ts";
import { oneOf } from "../rules.ts";

export const LOGGING = {
  "logging.format": option(text, "text", {
    flag: "logging-format",
    effect: "yes",
    help: "text or json",
    ...oneOf("text", "json"),
  }),
  "logging.verbosity": option(level, 0, {
    flag: "v",
    short: "v",
    effect: "yes",
    deprecated: false,
    help: "How much is logged, 0 to 10",
  }),
  "logging.flushFrequency": option(durationOrNanos, "5s", {
    flag: "log-flush-frequency",
    effect: "not-yet",
    deprecated: false,
    help: "Longest time a log line is held back",
    rule: "> 0",
    check: (value) => (value > 0 ? undefined : "must be more than 0"),
  }),
  "logging.vmodule": option(moduleLevels, [], {
    flag: "vmodule",
    effect: "not-yet",
    deprecated: false,
    help: "Verbosity by source file",
    rule: "text format only",
  }),
  "logging.options.text.splitStream": option(bool, false, {
    flag: "log-text-split-stream",
    effect: "not-yet",
    help: "Errors to stderr, the rest to stdout (text)",
    rule: "gate LoggingAlphaOptions",
  }),
  "logging.options.text.infoBufferSize": option(size, "0", {
    flag: "log-text-info-buffer-size",
    effect: "not-yet",
    help: "Buffer of stdout when split (text)",
    rule: "gate LoggingAlphaOptions",
  }),
  "logging.options.json.splitStream": option(bool, false, {
    flag: "log-json-split-stream",
    effect: "not-yet",
    help: "Errors to stderr, the rest to stdout (JSON)",
    rule: "gate LoggingAlphaOptions",
  }),
  "logging.options.json.infoBufferSize": option(size, "0", {
    flag: "log-json-info-buffer-size",
    effect: "not-yet",
    help: "Buffer of stdout when split (JSON)",
    rule: "gate LoggingAlphaOptions",
  }),
} as const;
