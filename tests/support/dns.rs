//! A name server that knows what a test tells it, over UDP.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

/// Records by name and type.
type Records = HashMap<(String, u16), Vec<Vec<u8>>>;

#[derive(Clone, Default)]
pub struct Zone(Arc<Mutex<Records>>);

const A: u16 = 1;
const PTR: u16 = 12;
const TXT: u16 = 16;

impl Zone {
    /// Serves until the process ends; returns where.
    pub fn serve(&self) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, zone) = (socket.local_addr().unwrap(), self.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 1_500];
            while let Ok((length, asker)) = socket.recv_from(&mut buffer) {
                if let Some(answer) = zone.answer(&buffer[..length]) {
                    let _ = socket.send_to(&answer, asker);
                }
            }
        });
        address
    }

    fn put(&self, name: &str, kind: u16, data: Vec<u8>) {
        self.0.lock().unwrap().entry((name.to_lowercase(), kind)).or_default().push(data);
    }

    pub fn says(&self, name: &str, text: &str) {
        let data = text.as_bytes().chunks(255).flat_map(|part| [&[part.len() as u8], part].concat()).collect();
        self.put(name, TXT, data);
    }

    pub fn has_address(&self, name: &str, address: Ipv4Addr) {
        self.put(name, A, address.octets().to_vec());
    }

    pub fn is_called(&self, address: Ipv4Addr, name: &str) {
        let [a, b, c, d] = address.octets();
        self.put(&format!("{d}.{c}.{b}.{a}.in-addr.arpa"), PTR, encoded(name));
    }

    pub fn forgets(&self, name: &str) {
        self.0.lock().unwrap().retain(|(known, _), _| known != name);
    }

    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let (mut at, mut labels) = (12, Vec::new());
        loop {
            let length = usize::from(*question.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            labels.push(String::from_utf8_lossy(question.get(at..at + length)?).to_lowercase());
            at += length;
        }
        let kind = u16::from_be_bytes([*question.get(at)?, *question.get(at + 1)?]);
        let name = labels.join(".");
        let zone = self.0.lock().unwrap();
        let found = zone.get(&(name.clone(), kind)).cloned().unwrap_or_default();
        let is_known = zone.keys().any(|(known, _)| *known == name);
        // The question's id, "an answer", and "no such name" where there is none.
        let mut answer = question[..2].to_vec();
        answer.extend([0x81, if is_known { 0x80 } else { 0x83 }, 0, 1]);
        answer.extend(u16::try_from(found.len()).ok()?.to_be_bytes());
        answer.extend([0, 0, 0, 0]);
        answer.extend(&question[12..at + 4]);
        for data in found {
            answer.extend([0xc0, 12]);
            answer.extend(kind.to_be_bytes());
            answer.extend([0, 1, 0, 0, 0, 0]);
            answer.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
            answer.extend(data);
        }
        Some(answer)
    }
}

fn encoded(name: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        name.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
    bytes.push(0);
    bytes
}
