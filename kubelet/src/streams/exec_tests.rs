use futures::FutureExt;
use tokio::io::DuplexStream;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::*;

/// The other end of a session: what a command would have.
struct Command {
    stdin: DuplexStream,
    stdout: DuplexStream,
    resizes: mpsc::Receiver<TerminalSize>,
    exit: oneshot::Sender<i32>,
}

fn session() -> (ExecSession, Command) {
    let (stdin, command_stdin) = tokio::io::duplex(1024);
    let (stdout, command_stdout) = tokio::io::duplex(1024);
    let (resize, resizes) = mpsc::channel(4);
    let (exit, code) = oneshot::channel();
    let session = ExecSession {
        stdin: Some(Box::pin(stdin)),
        stdout: Some(Box::pin(stdout)),
        stderr: None,
        resize,
        exit: code.map(|code| Ok(code.unwrap_or(137))).boxed(),
    };
    let command = Command {
        stdin: command_stdin,
        stdout: command_stdout,
        resizes,
        exit,
    };
    (session, command)
}

type Client = WebSocketStream<DuplexStream>;

/// A client, and the server's side of its connection.
async fn connect() -> (Client, WebSocketStream<DuplexStream>) {
    let (near, far) = tokio::io::duplex(64 << 10);
    (
        WebSocketStream::from_raw_socket(near, Role::Client, None).await,
        WebSocketStream::from_raw_socket(far, Role::Server, None).await,
    )
}

async fn next(client: &mut Client) -> Vec<u8> {
    let message = timeout(Duration::from_secs(10), client.next()).await;
    let message = message
        .expect("a message in time")
        .expect("no end")
        .unwrap();
    message.into_data().to_vec()
}

async fn say(client: &mut Client, message: &[u8]) {
    let message = Message::Binary(Bytes::copy_from_slice(message));
    client.send(message).await.unwrap();
}

#[tokio::test]
async fn a_command_reads_to_the_end_of_its_input_and_its_exit_code_is_told() {
    let (mut client, server) = connect().await;
    let (session, mut command) = session();
    let serving = converse(server, Protocol::V5, async { Ok(session) });
    let using = async {
        assert_eq!(next(&mut client).await, b"\x01");
        say(&mut client, b"\0hello").await;
        say(&mut client, b"\xff\x00").await;
        let mut input = String::new();
        command.stdin.read_to_string(&mut input).await.unwrap();
        assert_eq!(input, "hello");

        command.stdout.write_all(b"bye").await.unwrap();
        assert_eq!(next(&mut client).await, b"\x01bye");
        command.exit.send(3).unwrap();
        drop(command.stdout);
        let end = next(&mut client).await;
        assert_eq!(end[0], 3);
        let status: serde_json::Value = serde_json::from_slice(&end[1..]).unwrap();
        assert_eq!(status["details"]["causes"][0]["message"], "3");
        let Some(Ok(Message::Close(Some(end)))) = client.next().await else {
            panic!("not closed")
        };
        assert_eq!(end.code, CloseCode::Normal);
        // The answer to the close is sent with the next read.
        assert!(client.next().await.is_none());
    };
    let (served, ()) = tokio::join!(serving, using);
    served.unwrap();
}

#[tokio::test]
async fn the_exit_is_told_after_the_last_output() {
    let (mut client, server) = connect().await;
    let (session, mut command) = session();
    let serving = converse(server, Protocol::V4, async { Ok(session) });
    let using = async {
        command.exit.send(0).unwrap();
        command.stdout.write_all(b"late").await.unwrap();
        drop(command.stdout);
        assert_eq!(next(&mut client).await, b"\x01");
        assert_eq!(next(&mut client).await, b"\x01late");
        assert_eq!(next(&mut client).await[0], 3);
        while client.next().await.is_some() {}
    };
    let (served, ()) = tokio::join!(serving, using);
    served.unwrap();
}

#[tokio::test]
async fn a_terminal_follows_the_clients_size() {
    let (mut client, server) = connect().await;
    let (session, mut command) = session();
    let serving = converse(server, Protocol::V4, async { Ok(session) });
    let using = async {
        say(&mut client, b"\x04{\"Width\":132,\"Height\":43}").await;
        let size = command.resizes.recv().await.unwrap();
        assert_eq!((size.width, size.height), (132, 43));
        client.close(None).await.unwrap();
        while client.next().await.is_some() {}
    };
    let (_, ()) = tokio::join!(serving, using);
}

#[tokio::test]
async fn a_client_that_goes_away_abandons_the_command() {
    let (client, server) = connect().await;
    let (session, command) = session();
    let serving = converse(server, Protocol::V5, async { Ok(session) });
    let going = async { drop(client) };
    let (_, ()) = tokio::join!(serving, going);
    // Nobody waits for the exit code any more: that is what kills the command.
    assert!(command.exit.is_closed());
}

#[tokio::test]
async fn a_command_that_does_not_start_is_told_as_an_error() {
    let (mut client, server) = connect().await;
    let failing = async {
        Err(RuntimeError::Incomplete {
            call: "Exec",
            field: "spec",
        })
    };
    let using = async {
        let end = next(&mut client).await;
        assert_eq!(end[0], 3);
        let status: serde_json::Value = serde_json::from_slice(&end[1..]).unwrap();
        assert_eq!(status["reason"], "InternalError");
        while client.next().await.is_some() {}
    };
    let (served, ()) = tokio::join!(converse(server, Protocol::V5, failing), using);
    served.unwrap();
}
