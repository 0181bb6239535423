//! Writes blobs into containerd's content store, under a lease that keeps them until an image refers to them.

use std::collections::HashMap;

use containerd_client::services::v1::content_client::ContentClient;
use containerd_client::services::v1::leases_client::LeasesClient;
use containerd_client::services::v1::{
    CreateRequest, DeleteRequest, WriteAction, WriteContentRequest,
};
use jiff::{SignedDuration, Timestamp};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, SeekFrom};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use uuid::Uuid;

use super::channel::native;
use super::image_content::{Blob, Source};
use crate::runtime::RuntimeError;

/// How much of a blob one message carries.
const CHUNK_BYTES: usize = 1 << 20;
/// If skiff dies in the middle of an import, containerd throws away what was written after this time.
const LEASE: SignedDuration = SignedDuration::from_hours(1);

/// A lease: what is written under it stays at least until it is released.
#[derive(Debug)]
pub(super) struct Lease {
    channel: Channel,
    id: MetadataValue<Ascii>,
}

impl Lease {
    pub(super) async fn take(channel: &Channel) -> Result<Lease, RuntimeError> {
        let id = format!("skiff-{}", Uuid::new_v4());
        let expiry = (Timestamp::now() + LEASE).to_string();
        let request = CreateRequest {
            id: id.clone(),
            labels: HashMap::from([("containerd.io/gc.expire".to_owned(), expiry)]),
        };
        LeasesClient::new(channel.clone())
            .create(native(request))
            .await
            .map_err(RuntimeError::rpc("CreateLease"))?;
        let id = id
            .parse()
            .map_err(|_| RuntimeError::rpc("CreateLease")(Status::internal("a bad lease id")))?;
        Ok(Lease {
            channel: channel.clone(),
            id,
        })
    }

    pub(super) async fn release(self) -> Result<(), RuntimeError> {
        self.end(false).await
    }

    /// Releases it, and returns when all is removed that nothing refers to.
    pub(super) async fn release_and_collect(self) -> Result<(), RuntimeError> {
        self.end(true).await
    }

    async fn end(self, sync: bool) -> Result<(), RuntimeError> {
        let request = DeleteRequest {
            id: self.id.to_str().unwrap_or_default().to_owned(),
            sync,
        };
        LeasesClient::new(self.channel)
            .delete(native(request))
            .await
            .map_err(RuntimeError::rpc("DeleteLease"))?;
        Ok(())
    }

    /// A request of the native API under this lease.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = native(message);
        request
            .metadata_mut()
            .insert("containerd-lease", self.id.clone());
        request
    }

    /// Writes a blob, unless it is there already. containerd checks that it has its digest.
    pub(super) async fn write(&self, blob: &Blob) -> Result<(), RuntimeError> {
        let (sender, receiver) = mpsc::channel(2);
        let request = self.request(ReceiverStream::new(receiver));
        // `None` from a side means: the other side knows why.
        let (sent, written) = tokio::join!(send(blob, sender), self.receive(request));
        match written {
            Err(status) if status.code() == Code::AlreadyExists => Ok(()),
            Err(_) if sent.is_err() => sent,
            Err(status) => Err(RuntimeError::rpc("WriteContent")(status)),
            Ok(()) => sent,
        }
    }

    /// Reads the answers until containerd has committed the blob.
    async fn receive(
        &self,
        request: Request<ReceiverStream<WriteContentRequest>>,
    ) -> Result<(), Status> {
        let mut client = ContentClient::new(self.channel.clone());
        let mut answers = client.write(request).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            if answer.action == WriteAction::Commit as i32 {
                return Ok(());
            }
        }
        Err(Status::aborted("the content was not committed"))
    }
}

async fn send(blob: &Blob, sender: mpsc::Sender<WriteContentRequest>) -> Result<(), RuntimeError> {
    match &blob.source {
        Source::Memory(bytes) => {
            let failed = RuntimeError::file("image");
            send_from(blob, bytes.as_slice(), sender)
                .await
                .map_err(failed)
        }
        Source::File { path, offset } => {
            let mut file = File::open(path).await.map_err(RuntimeError::file(path))?;
            file.seek(SeekFrom::Start(*offset))
                .await
                .map_err(RuntimeError::file(path))?;
            let reader = file.take(blob.descriptor.size);
            send_from(blob, reader, sender)
                .await
                .map_err(RuntimeError::file(path))
        }
    }
}

/// Sends the bytes and then the commit. A receiver that is gone has its own reason, which is told instead.
async fn send_from(
    blob: &Blob,
    mut reader: impl AsyncRead + Unpin,
    sender: mpsc::Sender<WriteContentRequest>,
) -> std::io::Result<()> {
    let descriptor = &blob.descriptor;
    let message = |action: WriteAction, offset: u64, data: Vec<u8>| WriteContentRequest {
        action: action as i32,
        r#ref: format!("skiff-{}", descriptor.digest),
        total: i64::try_from(descriptor.size).unwrap_or(i64::MAX),
        expected: descriptor.digest.clone(),
        offset: i64::try_from(offset).unwrap_or(i64::MAX),
        data,
        labels: HashMap::new(),
    };
    let mut offset = 0;
    loop {
        let mut data = Vec::with_capacity(CHUNK_BYTES);
        (&mut reader)
            .take(CHUNK_BYTES as u64)
            .read_to_end(&mut data)
            .await?;
        let count = data.len() as u64;
        if count == 0 {
            break;
        }
        if sender
            .send(message(WriteAction::Write, offset, data))
            .await
            .is_err()
        {
            return Ok(());
        }
        offset += count;
    }
    let mut commit = message(WriteAction::Commit, offset, Vec::new());
    commit.labels = references(&blob.children);
    let _ = sender.send(commit).await;
    Ok(())
}

/// The labels by which containerd's garbage collector finds what a blob refers to.
///
/// <https://github.com/containerd/containerd/blob/main/docs/garbage-collection.md>
fn references(children: &[String]) -> HashMap<String, String> {
    children
        .iter()
        .enumerate()
        .map(|(number, digest)| {
            (
                format!("containerd.io/gc.ref.content.{number}"),
                digest.clone(),
            )
        })
        .collect()
}
