//! The baseline of the reads: an axum handler that answers the same JSON and does nothing else.

use std::io::Write;

/// Serves until it is killed; says where on standard output.
pub fn serve() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("an address"));
        std::io::stdout().flush().expect("to say it");
        let answer = || async {
            axum::Json(serde_json::json!({
                "type": "policyholder", "id": "0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11", "version": 1,
                "fields": { "contact.email": "client@example.fr", "contact.phone": "+33199001234" }, "withheld": {}
            }))
        };
        let app = axum::Router::new().route("/", axum::routing::get(answer));
        axum::serve(listener, app).await.expect("to serve");
    });
}
