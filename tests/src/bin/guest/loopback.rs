//! The loopback device's one need: to be up. Owns the message to rtnetlink(7) that asks for it.

use std::io;

use rustix::net::{AddressFamily, SendFlags, SocketType, netlink, recv, send, socket};
use rustix::net::{RecvFlags, connect};

/// The loopback device is the first of every network namespace (loopback_net_init() in
/// drivers/net/loopback.c).
const FIRST: i32 = 1;
/// `RTM_NEWLINK` of linux/rtnetlink.h.
const NEW_LINK: u16 = 16;
/// `NLM_F_REQUEST | NLM_F_ACK` of linux/netlink.h.
const REQUEST_WITH_ANSWER: u16 = 1 | 4;
/// `IFF_UP` of linux/if.h.
const UP: u32 = 1;

/// Brings it up and waits for the kernel's word that it is.
pub fn up() -> io::Result<()> {
    let link = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    connect(&link, &netlink::SocketAddrNetlink::new(0, 0))?;
    send(&link, &request(), SendFlags::empty())?;
    let mut answer = [0_u8; 64];
    let (length, _) = recv(&link, &mut answer, RecvFlags::empty())?;
    // struct nlmsgerr: the header of 16 bytes, then the negative error number, zero for done.
    match answer[..length].get(16..20) {
        Some(&[a, b, c, d]) => match i32::from_ne_bytes([a, b, c, d]) {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(-error)),
        },
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// struct nlmsghdr and struct ifinfomsg, with no attributes.
fn request() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    bytes.extend(32_u32.to_ne_bytes());
    bytes.extend(NEW_LINK.to_ne_bytes());
    bytes.extend(REQUEST_WITH_ANSWER.to_ne_bytes());
    // Sequence and sender, which the kernel fills in.
    bytes.extend([0; 8]);
    // Family, padding and type: any.
    bytes.extend([0; 4]);
    bytes.extend(FIRST.to_ne_bytes());
    // The flags, and which of them to change.
    bytes.extend(UP.to_ne_bytes());
    bytes.extend(UP.to_ne_bytes());
    bytes
}
