//! One tool, `echo`, by the official Rust SDK: what its users get without governance or a ledger.
use rmcp::handler::server::{router::tool::ToolRouter, wrapper::Parameters};
use rmcp::model::{ServerCapabilities, ServerInfo};
use rmcp::transport::streamable_http_server::{
    session::local::LocalSessionManager, StreamableHttpServerConfig, StreamableHttpService,
};
use rmcp::{schemars, tool, tool_handler, tool_router, ServerHandler, ServiceExt};

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Message {
    message: String,
}

#[derive(Clone)]
struct Echo {
    tool_router: ToolRouter<Self>,
}

#[tool_router]
impl Echo {
    fn new() -> Self {
        Self { tool_router: Self::tool_router() }
    }

    #[tool(description = "Echoes back the input")]
    fn echo(&self, Parameters(input): Parameters<Message>) -> String {
        format!("Echo: {}", input.message)
    }
}

#[tool_handler]
impl ServerHandler for Echo {
    fn get_info(&self) -> ServerInfo {
        ServerInfo::new(ServerCapabilities::builder().enable_tools().build())
    }
}

#[tokio::main]
async fn main() {
    let Some(address) = std::env::args().nth(1) else {
        let service = Echo::new().serve(rmcp::transport::stdio()).await.expect("stdio");
        let _ = service.waiting().await;
        return;
    };
    // The fastest form it has: no sessions, plain JSON answers.
    let mut config = StreamableHttpServerConfig::default();
    config.legacy_session_mode = false;
    config.json_response = true;
    let service = StreamableHttpService::new(|| Ok(Echo::new()), LocalSessionManager::default().into(), config);
    let listener = tokio::net::TcpListener::bind(address).await.expect("an address to listen on");
    axum::serve(listener, axum::Router::new().nest_service("/mcp", service)).await.expect("serve");
}
