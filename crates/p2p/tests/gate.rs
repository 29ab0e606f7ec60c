//! Who is let in, by a clock that the test turns.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use adit_p2p::gate::{
    BANNED_HOSTS_LIMIT, DIALS_PER_SECOND, Gate, HOST_DIALS_BURST, HOST_DIALS_PER_SECOND,
    INBOUND_CONNECTIONS_LIMIT, PENDING_CONNECTIONS_LIMIT, PRIVATE_HOST_CONNECTIONS_LIMIT,
    PUBLIC_HOST_CONNECTIONS_LIMIT, Refused,
};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn public(number: u32) -> IpAddr {
    IpAddr::from(std::net::Ipv4Addr::from(0x0808_0000 + number))
}

/// Dials once a second, and shakes hands at once, until it is refused.
fn patient(gate: &mut Gate, now: &mut Instant, from: IpAddr) -> (usize, Refused) {
    for count in 0.. {
        *now += Duration::from_secs(1);
        match gate.dialled(*now, from) {
            Ok(()) => gate.shook_hands(),
            Err(refused) => return (count, refused),
        }
    }
    unreachable!("it ends with a refusal")
}

#[test]
fn a_host_has_its_own_limits() {
    let mut now = Instant::now();
    let mut gate = Gate::new(usize::MAX, now);
    let expected = (PUBLIC_HOST_CONNECTIONS_LIMIT, Refused::Host);
    assert_eq!(patient(&mut gate, &mut now, ip("8.8.8.8")), expected);
    // A household of IPv6 is one host.
    for last in 0..PUBLIC_HOST_CONNECTIONS_LIMIT {
        now += Duration::from_secs(1);
        let of_household = ip(&format!("2001:db8:1:2::{last}"));
        assert_eq!(gate.dialled(now, of_household), Ok(()));
        gate.shook_hands();
    }
    assert_eq!(
        gate.dialled(now, ip("2001:db8:1:2:ffff::1")),
        Err(Refused::Host)
    );
    let expected = (PRIVATE_HOST_CONNECTIONS_LIMIT, Refused::Host);
    assert_eq!(patient(&mut gate, &mut now, ip("192.168.1.7")), expected);
    // One that left makes room.
    gate.left(ip("8.8.8.8"));
    assert_eq!(gate.dialled(now, ip("::ffff:8.8.8.8")), Ok(()));
}

#[test]
fn this_machine_may_have_all_places_and_no_more() {
    let mut now = Instant::now();
    let mut gate = Gate::new(usize::MAX, now);
    let expected = (INBOUND_CONNECTIONS_LIMIT, Refused::Full);
    assert_eq!(patient(&mut gate, &mut now, ip("127.0.0.1")), expected);
    assert_eq!(gate.inbound(), INBOUND_CONNECTIONS_LIMIT);
    let mut gate = Gate::new(3, now);
    assert_eq!(
        patient(&mut gate, &mut now, ip("127.0.0.1")),
        (3, Refused::Full)
    );
}

#[test]
fn a_thousand_dials_a_second_are_a_few() {
    let now = Instant::now();
    let mut gate = Gate::new(usize::MAX, now);
    let mut let_in = 0;
    for number in 0..1_000 {
        let at = now + Duration::from_millis(number);
        if gate.dialled(at, ip("10.1.1.1")).is_ok() {
            gate.shook_hands();
            gate.left(ip("10.1.1.1"));
            let_in += 1;
        }
    }
    let most = HOST_DIALS_BURST + HOST_DIALS_PER_SECOND + 1;
    assert!((HOST_DIALS_BURST..=most).contains(&let_in), "{let_in}");
    // Of as many hosts, no more are let in than all together may be.
    let (mut let_in, later) = (0, now + Duration::from_secs(60));
    for number in 0..1_000 {
        if gate.dialled(later, public(number)).is_ok() {
            gate.shook_hands();
            gate.left(public(number));
            let_in += 1;
        }
    }
    assert_eq!(let_in, DIALS_PER_SECOND);
}

#[test]
fn those_who_shake_no_hands_are_a_few() {
    let now = Instant::now();
    let mut gate = Gate::new(usize::MAX, now);
    let mut pending = 0;
    while gate.dialled(now, public(pending)).is_ok() {
        pending += 1;
    }
    assert_eq!(pending as usize, PENDING_CONNECTIONS_LIMIT);
    assert_eq!(gate.dialled(now, public(900)), Err(Refused::Pending));
    gate.shook_hands();
    assert_eq!(gate.dialled(now, public(900)), Ok(()));
}

#[test]
fn a_ban_is_for_a_day_and_only_on_the_internet() {
    let now = Instant::now();
    let mut gate = Gate::new(usize::MAX, now);
    gate.ban(now, ip("8.8.8.8"));
    gate.ban(now, ip("192.168.1.7"));
    assert_eq!(gate.dialled(now, ip("8.8.8.8")), Err(Refused::Banned));
    assert_eq!(gate.dialled(now, ip("192.168.1.7")), Ok(()));
    let tomorrow = now + Duration::from_secs(24 * 3_600 + 1);
    assert_eq!(gate.dialled(tomorrow, ip("8.8.8.8")), Ok(()));
    for number in 0..2 * BANNED_HOSTS_LIMIT {
        gate.ban(now, public(number as u32));
    }
}
