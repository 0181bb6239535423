//! What is in each test image.

use super::software::{ADMIT, OPERATOR, POSTGRES, PROMETHEUS, REDIS};

/// What an image is made from. Its `Debug` text is the key of the cache: it holds all of the content.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// As in a Pod's `image`, without the tag.
    pub repository: &'static str,
    /// The tag a user types; the programs are those of Debian, whatever it says.
    pub tag: &'static str,
    /// The files.
    pub(crate) root: Root,
    /// The program that starts, before `command`.
    pub(crate) entrypoint: &'static [&'static str],
    /// Its arguments, unless a Pod gives others.
    pub(crate) command: &'static [&'static str],
    /// The port it listens on.
    pub(crate) port: Option<u16>,
}

/// The file tree of an image.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) packages: &'static [&'static str],
    pub(crate) files: &'static [File],
}

/// A file that stands in no package.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) path: &'static str,
    pub(crate) content: &'static str,
    pub(crate) executable: bool,
}

impl Recipe {
    /// As a user types it: `nginx:1.19`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }

    /// Where it is in its registry: one without an owner is in `library`.
    pub(crate) fn path(&self) -> String {
        match self.repository.contains('/') {
            true => self.repository.to_owned(),
            false => format!("library/{}", self.repository),
        }
    }
}

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

pub(super) const PASSWD: File = File {
    path: "etc/passwd",
    content: include_str!("../../images/passwd"),
    executable: false,
};

/// The C library asks files, then DNS, as in any distribution's image.
pub(super) const NSSWITCH: File = File {
    path: "etc/nsswitch.conf",
    content: "passwd: files\ngroup: files\nhosts: files dns\n",
    executable: false,
};

pub(super) const GROUP: File = File {
    path: "etc/group",
    content: include_str!("../../images/group"),
    executable: false,
};
