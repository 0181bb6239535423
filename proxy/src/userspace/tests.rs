use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::*;
use crate::model::testing::addresses;

async fn answers(with: &'static str) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(with.as_bytes()).await;
        }
    });
    Ok(at)
}

async fn asked(port: u16) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let mut told = String::new();
    stream.read_to_string(&mut told).await?;
    Ok(told)
}

#[tokio::test]
async fn connections_go_in_turn_and_past_an_endpoint_that_refuses() -> io::Result<()> {
    let targets = Arc::new(Targets::default());
    let (port, serving) = tcp::start(targets.clone()).await?;
    let (one, two) = (answers("one").await?, answers("two").await?);
    targets.set(&addresses(&[&one, &two]), None);
    let told = [asked(port).await?, asked(port).await?, asked(port).await?];
    assert!(told[0] != told[1] && told[0] == told[2], "{told:?}");
    targets.set(&addresses(&["127.0.0.1:1", &one]), None);
    for _ in 0..3 {
        assert_eq!(asked(port).await?, "one");
    }
    serving.abort();
    Ok(())
}

#[tokio::test]
async fn datagrams_follow_when_the_endpoint_changes() -> io::Result<()> {
    let targets = Arc::new(Targets::default());
    let (port, serving) = udp::start(targets.clone()).await?;
    let client = UdpSocket::bind("127.0.0.1:0").await?;
    client.connect(("127.0.0.1", port)).await?;
    for answer in ["one", "two"] {
        let endpoint = UdpSocket::bind("127.0.0.1:0").await?;
        targets.set(&addresses(&[&endpoint.local_addr()?.to_string()]), None);
        client.send(b"ask").await?;
        let mut buffer = [0; 8];
        let (_, from) = endpoint.recv_from(&mut buffer).await?;
        endpoint.send_to(answer.as_bytes(), from).await?;
        let length = client.recv(&mut buffer).await?;
        assert_eq!(&buffer[..length], answer.as_bytes());
    }
    serving.abort();
    Ok(())
}
