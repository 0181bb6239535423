//! Software that users run, as Debian packages it.

use super::recipe::{File, GROUP, NSSWITCH, PASSWD, Recipe, Root};

/// `postgres:15`: a server on `$PGDATA`, which it makes at the first start. It runs as the user 999, who trusts everybody.
pub(super) const POSTGRES: Recipe = Recipe {
    repository: "postgres",
    tag: "15",
    root: Root {
        packages: &[
            "busybox-static",
            "postgresql-15",
            "postgresql-client-15",
            "tzdata",
            "libaudit1",
            "libc6",
            "libcap-ng0",
            "libcap2",
            "libcom-err2",
            "libffi8",
            "libgcc-s1",
            "libgcrypt20",
            "libgmp10",
            "libgnutls30",
            "libgpg-error0",
            "libgssapi-krb5-2",
            "libhogweed6",
            "libicu72",
            "libidn2-0",
            "libk5crypto3",
            "libkeyutils1",
            "libkrb5-3",
            "libkrb5support0",
            "libldap-2.5-0",
            "liblz4-1",
            "liblzma5",
            "libnettle8",
            "libp11-kit0",
            "libpam0g",
            "libpq5",
            "libreadline8",
            "libsasl2-2",
            "libssl3",
            "libstdc++6",
            "libsystemd0",
            "libtasn1-6",
            "libtinfo6",
            "libunistring2",
            "libxml2",
            "libzstd1",
            "zlib1g",
        ],
        files: &[
            PASSWD,
            GROUP,
            NSSWITCH,
            File {
                path: "docker-entrypoint.sh",
                content: include_str!("../../images/postgres-entrypoint.sh"),
                executable: true,
            },
        ],
    },
    entrypoint: &["/docker-entrypoint.sh"],
    command: &["postgres"],
    port: Some(5432),
};

/// `redis:7`: server and client.
pub(super) const REDIS: Recipe = Recipe {
    repository: "redis",
    tag: "7",
    root: Root {
        packages: &[
            "busybox-static",
            "redis-server",
            "redis-tools",
            "libatomic1",
            "libc6",
            "libcap2",
            "libgcc-s1",
            "libgcrypt20",
            "libgpg-error0",
            "libjemalloc2",
            "liblz4-1",
            "liblzf1",
            "liblzma5",
            "libssl3",
            "libstdc++6",
            "libsystemd0",
            "libzstd1",
        ],
        files: &[PASSWD, GROUP, NSSWITCH],
    },
    entrypoint: &[],
    command: &["redis-server", "--protected-mode", "no"],
    port: Some(6379),
};

/// `prom/prometheus:v2.42.0`: reads `/etc/prometheus/prometheus.yml`.
pub(super) const PROMETHEUS: Recipe = Recipe {
    repository: "prom/prometheus",
    tag: "v2.42.0",
    root: Root {
        packages: &["busybox-static", "prometheus", "libc6"],
        files: &[PASSWD, GROUP, NSSWITCH],
    },
    entrypoint: &["prometheus"],
    command: &[
        "--config.file=/etc/prometheus/prometheus.yml",
        "--storage.tsdb.path=/tmp/prometheus",
    ],
    port: Some(9090),
};

/// Python with what it needs to speak TLS.
const PYTHON: &[&str] = &[
    "busybox-static",
    "python3.11-minimal",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libbz2-1.0",
    "libc6",
    "libcrypt1",
    "libexpat1",
    "libffi8",
    "liblzma5",
    "libssl3",
    "zlib1g",
];

/// `admit:1`: a webhook, which is also the API server of a group, in Python on port 8443. Its certificate is in `/tls`.
pub(super) const ADMIT: Recipe = Recipe {
    repository: "admit",
    tag: "1",
    root: Root {
        packages: PYTHON,
        files: &[
            PASSWD,
            GROUP,
            NSSWITCH,
            File {
                path: "admit.py",
                content: include_str!("../../images/admit.py"),
                executable: false,
            },
        ],
    },
    entrypoint: &[],
    command: &["python3.11", "/admit.py"],
    port: Some(8443),
};

/// `operator:1`: an operator of Widgets with its webhooks, in Python on port 8443. Its certificate is in `/tls`.
pub(super) const OPERATOR: Recipe = Recipe {
    repository: "operator",
    tag: "1",
    root: Root {
        packages: PYTHON,
        files: &[
            PASSWD,
            GROUP,
            NSSWITCH,
            File {
                path: "widgets.py",
                content: include_str!("../../images/widgets.py"),
                executable: false,
            },
        ],
    },
    entrypoint: &[],
    command: &["python3.11", "/widgets.py"],
    port: Some(8443),
};
