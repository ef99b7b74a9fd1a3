import type { Tags } from "yaml";

/** YAML 1.1 has readings that Go's parser lacks (`1:30` as 90, dates, sets) and lacks one that it has (`0o17`). */
export function tagsOfGo(tags: Tags): Tags {
  const kept = tags.filter(
    (tag) =>
      typeof tag === "string" ||
      (!/:(timestamp|binary|omap|pairs|set)$/.test(tag.tag) && (!("format" in tag) || tag.format !== "TIME")),
  );
  const octal = {
    tag: "tag:yaml.org,2002:int",
    default: true,
    test: /^[-+]?0o[0-7]+$/,
    resolve: (text: string) => Number(text.replace(/^[-+]/, "")) * (text.startsWith("-") ? -1 : 1),
  };
  return [...kept, octal];
}
