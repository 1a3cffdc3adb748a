//! The client that the program connects with sends each request once: kube's own retries are off.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use verdigris_connection::ConnectionArgs;
use verdigris_controller::connect::connect;

const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
                    connection: close\r\n\r\n{}";

#[tokio::test]
async fn a_busy_server_is_asked_once() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = format!("http://{}", listener.local_addr()?);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(BUSY.as_bytes()).await;
        }
    });
    let kubeconfig = std::env::temp_dir().join(format!("verdigris-connect-{}", std::process::id()));
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: x, clusters: [{{name: c, cluster: {{server: \"{server}\"}}}}], \
         contexts: [{{name: x, context: {{cluster: c, user: u, namespace: shop}}}}], users: [{{name: u, user: {{}}}}]}}"
    );
    std::fs::write(&kubeconfig, text)?;
    let flags = ConnectionArgs { kubeconfig: Some(kubeconfig.clone()), ..ConnectionArgs::default() };
    let (client, namespace) = connect(&flags).await?;
    std::fs::remove_file(kubeconfig)?;
    assert_eq!(namespace, "shop");
    assert!(client.apiserver_version().await.is_err());
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    serving.abort();
    Ok(())
}
