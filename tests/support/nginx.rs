//! A real nginx before the program, as operators put one there: the site's own files, with the
//! service under the same address.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::program::free_port;

/// A running nginx with a site's files; ended with the test.
pub struct Nginx {
    pub port: u16,
    pub root: tempfile::TempDir,
    child: Child,
}

impl Nginx {
    /// Serves what is put into [`Nginx::root`], and passes `/members/`, `/unsubscribe/` and `/ghost/`
    /// on to the program at `upstream`. `more` goes into the server's block.
    pub fn start(upstream: u16, more: &str) -> Self {
        let pass = format!(
            "proxy_pass http://127.0.0.1:{upstream}; proxy_set_header Host $host; \
             proxy_set_header X-Forwarded-For $remote_addr; proxy_http_version 1.1; proxy_set_header Connection \"\";"
        );
        Self::with(free_port(), |port, folder| {
            format!(
                "server {{
                     listen 127.0.0.1:{port};
                     root {folder}/site;
                     location /members/ {{ {pass} }}
                     location /unsubscribe/ {{ {pass} }}
                     location /ghost/ {{ {pass} }}
                     {more}
                 }}"
            )
        })
    }

    /// Passes everything at `port` on to these nodes, each request to whichever chance picks.
    pub fn balance(port: u16, nodes: &[u16]) -> Self {
        let nodes: String = nodes.iter().map(|node| format!("server 127.0.0.1:{node} max_fails=0;")).collect();
        Self::with(port, |port, _| {
            format!(
                "upstream nodes {{ random; {nodes} keepalive 8; }}
                 client_max_body_size 0; server_tokens off; client_header_buffer_size 64k; large_client_header_buffers 8 128k;
                 underscores_in_headers on; ignore_invalid_headers off; merge_slashes off;
                 server {{
                     listen 127.0.0.1:{port};
                     location / {{
                         proxy_pass http://nodes; proxy_http_version 1.1; proxy_set_header Connection \"\";
                         proxy_set_header Host $http_host; proxy_buffering off;
                         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                     }}
                 }}"
            )
        })
    }

    fn with(port: u16, servers: impl FnOnce(u16, std::path::Display<'_>) -> String) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("site")).unwrap();
        let folder = root.path().display();
        let user = if is_root() { "user root;" } else { "" };
        let servers = servers(port, root.path().display());
        let conf = format!(
            "{user} daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
             events {{ worker_connections 1024; }}
             http {{
                 access_log off; default_type text/html;
                 types {{ text/html html; text/javascript js; text/css css; }}
                 client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
                 fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
                 {servers}
             }}"
        );
        let path = root.path().join("nginx.conf");
        std::fs::write(&path, conf).unwrap();
        let child = Command::new("nginx")
            .args(["-c", &path.display().to_string(), "-p", &folder.to_string()])
            .env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed; `./test` sees to it");
        let mut nginx = Self { port, root, child };
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(nginx.child.try_wait().unwrap().is_none(), "nginx ended: {}", nginx.log());
            assert!(started.elapsed() < Duration::from_secs(20), "nginx does not answer: {}", nginx.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        nginx
    }

    pub fn site(&self) -> std::path::PathBuf {
        self.root.path().join("site")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.root.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM, so that its worker ends too.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(Path::new("/proc/self")).is_ok_and(|own| own.uid() == 0)
}
