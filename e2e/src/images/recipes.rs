//! What is in each test image.

use super::recipe::{File, GROUP, NSSWITCH, PASSWD, Recipe, Root};
use super::software::{ADMIT, OPERATOR, POSTGRES, PROMETHEUS, REDIS};

/// `busybox:1.28`: a shell, `nslookup`, `wget`, `httpd`, `nc` and what else fits in one static program.
/// The `-T` of its `wget` crashes, in Debian's build: use `timeout 5 wget`.
pub const BUSYBOX: Recipe = Recipe {
    repository: "busybox",
    tag: "1.28",
    root: Root {
        packages: &["busybox-static"],
        files: &[PASSWD, GROUP, NSSWITCH],
    },
    entrypoint: &[],
    command: &["sh"],
    port: None,
};

/// `nginx:1.19`: serves `/usr/share/nginx/html` on port 80, and its own host name at `/hostname.html`.
pub const NGINX: Recipe = Recipe {
    repository: "nginx",
    tag: "1.19",
    root: Root {
        packages: &[
            "busybox-static",
            "bash",
            "libtinfo6",
            "nginx",
            "nginx-common",
            "libc6",
            "libcrypt1",
            "libpcre2-8-0",
            "libssl3",
            "zlib1g",
        ],
        files: &[
            PASSWD,
            GROUP,
            NSSWITCH,
            File {
                path: "etc/nginx/nginx.conf",
                content: include_str!("../../images/nginx.conf"),
                executable: false,
            },
            File {
                path: "usr/share/nginx/html/index.html",
                content: include_str!("../../images/nginx-index.html"),
                executable: false,
            },
            File {
                path: "docker-entrypoint.sh",
                content: include_str!("../../images/nginx-entrypoint.sh"),
                executable: true,
            },
        ],
    },
    entrypoint: &["/docker-entrypoint.sh"],
    command: &["nginx", "-g", "daemon off;"],
    port: Some(80),
};

/// The next version to roll out: the same layer under a configuration, and so a digest, of its own.
const NGINX_NEXT: Recipe = Recipe {
    tag: "1.20",
    ..NGINX
};

/// `perl:5.34.0`: computes the digits of pi.
const PERL: Recipe = Recipe {
    repository: "perl",
    tag: "5.34.0",
    root: Root {
        packages: &[
            "busybox-static",
            "perl",
            "perl-base",
            "perl-modules-5.36",
            "libperl5.36",
            // The modules that perl 5.36 itself brings cannot compute bpi(2000).
            "libmath-bigint-perl",
            "libc6",
            "libcrypt1",
            "libbz2-1.0",
            "libdb5.3",
            "libgdbm6",
            "libgdbm-compat4",
            "zlib1g",
        ],
        files: &[PASSWD, GROUP, NSSWITCH],
    },
    entrypoint: &[],
    command: &["perl", "-de0"],
    port: None,
};

/// Every image of the tests.
pub(super) const ALL: &[Recipe] = &[
    ADMIT, BUSYBOX, NGINX, NGINX_NEXT, OPERATOR, PERL, POSTGRES, REDIS, PROMETHEUS,
];
