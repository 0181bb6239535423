/// Why there is no environment; the words are those of `CreateContainerConfigError`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum EnvError {
    #[error("configmap {0:?} not found")]
    NoConfigMap(String),
    #[error("secret {0:?} not found")]
    NoSecret(String),
    #[error("couldn't find key {key} in {kind} {namespace}/{name}")]
    NoKey {
        kind: &'static str,
        namespace: String,
        name: String,
        key: String,
    },
    #[error("{0}")]
    Field(String),
    #[error("cannot find the volume {0:?} referenced by FileKeyRef")]
    NoVolume(String),
    #[error("couldn't parse env file: {path:?}: {why}")]
    File { path: String, why: String },
    #[error("environment variable key {key:?} not found in file {path:?}")]
    NoKeyInFile { key: String, path: String },
    #[error("environment variable key {0:?} exceeds maximum length of 128 characters")]
    LongKey(String),
    #[error("environment variable value for key {0:?} exceeds maximum size of 32 KB")]
    LargeValue(String),
}
