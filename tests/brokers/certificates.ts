import { run } from "./cache.ts";

export interface Certificates {
  /** The file with the certificate of the authority: what a client trusts. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

/** An authority and a certificate for localhost and 127.0.0.1, made with openssl for a few days. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const path = (name: string) => `${folder}/${name}.pem`;
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await run("openssl", [
    ...["req", "-x509", "-days", "7", "-subj", "/CN=posthorn tests", ...key],
    ...[
      "-addext",
      "basicConstraints=critical,CA:TRUE",
      "-keyout",
      path("authority-key"),
      "-out",
      path("authority"),
    ],
  ]);
  await run("openssl", [
    ...["req", "-subj", "/CN=localhost", ...key],
    ...["-keyout", path("key"), "-out", path("request")],
  ]);
  await Deno.writeTextFile(
    path("extensions"),
    "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n",
  );
  await run("openssl", [
    ...["x509", "-req", "-days", "7", "-in", path("request"), "-CA", path("authority")],
    ...[
      "-CAkey",
      path("authority-key"),
      "-CAcreateserial",
      "-extfile",
      path("extensions"),
      "-out",
      path("certificate"),
    ],
  ]);
  return { authority: path("authority"), certificate: path("certificate"), key: path("key") };
}
