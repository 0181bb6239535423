//! What an image is made from, and the files that all have.

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
