/** `npm run soak [-- MINUTES]`: pods on a node whose API server is away for long, ten minutes unless told otherwise. Not part of `npm test`. */
import { runTests, summaryLine, testFiles } from "./lib/tests.ts";
import { ensureTool } from "./tools.ts";

const minutes = Number(process.argv[2] ?? 10);
if (!(minutes > 0 && minutes <= 24 * 60)) {
  console.error(
    `soak: ${process.argv[2]} is no number of minutes between 0 and 1440\nusage: npm run soak [-- MINUTES]`,
  );
  process.exit(2);
}
for (const tool of ["containerd", "etcd", "control-plane"] as const) await ensureTool(tool);
process.env.KUBELET_TS_API_AWAY = String(minutes * 60);
console.log(`The API server will be away for ${minutes} minutes`);
const counts = await runTests({
  files: testFiles(["test/cluster/pods.test.ts"]),
  concurrency: 1,
  timeout: (minutes + 10) * 60_000,
  name: "while the API server is away",
  showFiles: true,
});
console.log(summaryLine(counts));
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
