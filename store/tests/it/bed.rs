//! Where a store of a test keeps its data: a directory, or an etcd of its own.

use skiff_store::{EtcdEngine, EtcdOptions, Options, Store};
use tempfile::TempDir;

use crate::members::Members;

pub(crate) enum Bed {
    Sled(TempDir),
    Etcd(Members),
}

impl Bed {
    pub(crate) fn sled() -> Self {
        Self::Sled(tempfile::tempdir().unwrap())
    }

    pub(crate) fn etcd() -> Self {
        Self::Etcd(Members::start(1))
    }

    pub(crate) async fn open(&self, options: Options) -> Store {
        self.open_below("/skiff", options).await
    }

    /// Stores of different prefixes share an etcd; a directory has only one.
    pub(crate) async fn open_below(&self, prefix: &str, options: Options) -> Store {
        match self {
            Self::Sled(dir) => crate::common::open(dir.path(), options),
            Self::Etcd(members) => {
                let where_to = EtcdOptions {
                    prefix: prefix.into(),
                    ..members.options()
                };
                let engine = EtcdEngine::open(where_to).await.unwrap();
                Store::open(Box::new(engine), options).unwrap()
            }
        }
    }
}

/// Makes tests of functions: what they say holds on either engine.
macro_rules! on_either_engine {
    ($($holds:ident)*) => {
        mod on_sled {
            $(#[tokio::test]
            async fn $holds() {
                super::$holds(&crate::bed::Bed::sled()).await;
            })*
        }

        mod on_etcd {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $holds() {
                super::$holds(&crate::bed::Bed::etcd()).await;
            })*
        }
    };
}
pub(crate) use on_either_engine;
