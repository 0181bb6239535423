//! Connections that become another protocol, such as WebSocket.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio_util::sync::CancellationToken;

/// Carries bytes both ways until one side ends, or `cut`.
pub(crate) async fn carry(client: OnUpgrade, endpoint: OnUpgrade, cut: CancellationToken) {
    let carried = async {
        let (client, endpoint) = tokio::try_join!(client, endpoint)?;
        let (mut client, mut endpoint) = (TokioIo::new(client), TokioIo::new(endpoint));
        copy_bidirectional(&mut client, &mut endpoint).await?;
        anyhow::Ok(())
    };
    if let Some(Err(error)) = cut.run_until_cancelled(carried).await {
        tracing::debug!(%error, "an upgraded connection broke");
    }
}
