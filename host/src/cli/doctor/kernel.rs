//! Whether the kernel offers what fresh instances are made fast with.

use std::fs::read_to_string;

use super::Check;

/// First kernel with the `PAGEMAP_SCAN` ioctl, by which only touched pages of an instance are reset.
const PAGEMAP_SCAN: (u32, u32) = (6, 7);
/// First kernel with `memfd_create`, by which instances start from a shared image.
const MEMFD: (u32, u32) = (3, 17);
/// The kernel's usual number of mappings; each instance in the pool takes some.
const MAPPINGS: u64 = 65_530;
/// Open files below which connections run out: one for each call and each pooled connection to a provider.
const FILES: u64 = 1024;
/// Bits of addresses that a process has on usual 64-bit machines; the pool reserves guard regions out of them.
const ADDRESS_BITS: u32 = 47;

/// What the kernel says of itself; nothing where it says nothing.
#[derive(Debug, Default)]
pub(super) struct Facts {
    release: Option<String>,
    mappings: Option<String>,
    limits: Option<String>,
    maps: Option<String>,
}

impl Facts {
    /// Those of the running kernel and of this process.
    pub(super) fn read() -> Self {
        Self {
            release: read_to_string("/proc/sys/kernel/osrelease").ok(),
            mappings: read_to_string("/proc/sys/vm/max_map_count").ok(),
            limits: read_to_string("/proc/self/limits").ok(),
            maps: read_to_string("/proc/self/maps").ok(),
        }
    }
}

/// Judges the facts.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let Some(release) = &facts.release else {
        let advice = "run on Linux 6.7 or later for speed";
        return vec![Check::warn(
            "kernel",
            "this is not Linux, or /proc is not mounted: features are not known",
            advice,
        )];
    };
    let limits = facts.limits.as_deref().unwrap_or_default();
    vec![
        check_release(release.trim()),
        check_mappings(facts.mappings.as_deref()),
        check_limit("address limit", limit(limits, "Max address space"), 1 << ADDRESS_BITS, "ulimit -v unlimited"),
        check_limit("open files", limit(limits, "Max open files"), FILES, "ulimit -n 65536"),
        check_addresses(facts.maps.as_deref()),
    ]
}

fn check_release(release: &str) -> Check {
    match version(release) {
        None => Check::warn("kernel", format!("{release:?} is not a version"), "Linux 6.7 or later is wanted"),
        Some(found) if found < MEMFD => {
            Check::fail("kernel", format!("{release} lacks memfd_create and PAGEMAP_SCAN"), "run on Linux 6.7 or later")
        }
        Some(found) if found < PAGEMAP_SCAN => Check::warn(
            "kernel",
            format!("{release} has memfd_create and lacks PAGEMAP_SCAN"),
            "works, but every call resets the whole memory of its instance; Linux 6.7 or later is faster",
        ),
        Some(_) => Check::ok("kernel", format!("{release}, recent enough for memfd_create and PAGEMAP_SCAN")),
    }
}

fn check_mappings(text: Option<&str>) -> Check {
    match text.and_then(|text| text.trim().parse::<u64>().ok()) {
        None => Check::warn("mappings", "vm.max_map_count is not known", "look at it yourself"),
        Some(found) if found < MAPPINGS => Check::warn(
            "mappings",
            format!("vm.max_map_count is {found}: many calls at once may fail"),
            format!("sysctl -w vm.max_map_count={MAPPINGS}"),
        ),
        Some(found) => Check::ok("mappings", format!("vm.max_map_count is {found}")),
    }
}

/// `found` is `None` for unknown and `Some(None)` for unlimited.
fn check_limit(name: &'static str, found: Option<Option<u64>>, least: u64, advice: &str) -> Check {
    match found {
        None => Check::warn(name, "not known", "look at `ulimit -a`"),
        Some(None) => Check::ok(name, "unlimited"),
        Some(Some(found)) if found < least => Check::warn(name, format!("limited to {found}"), advice),
        Some(Some(found)) => Check::ok(name, format!("limited to {found}")),
    }
}

fn check_addresses(maps: Option<&str>) -> Check {
    match maps.and_then(address_bits) {
        None => Check::warn("address space", "not known", "a 64-bit machine with 47 bits of addresses is wanted"),
        Some(found) if found < ADDRESS_BITS => Check::fail(
            "address space",
            format!("{found} bits"),
            "the instance pool does not fit: use a kernel with 47 bits of addresses or more",
        ),
        Some(found) => Check::ok("address space", format!("{found} bits")),
    }
}

/// The first two numbers of a release such as `6.7.0-rc1+`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The soft limit of a line of `/proc/self/limits`.
fn limit(limits: &str, name: &str) -> Option<Option<u64>> {
    let soft = limits.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?;
    if soft == "unlimited" { Some(None) } else { soft.parse().ok().map(Some) }
}

/// How many bits the end of the stack takes: Linux puts it at the top of the addresses.
fn address_bits(maps: &str) -> Option<u32> {
    let line = maps.lines().find(|line| line.ends_with("[stack]"))?;
    let end = line.split([' ', '-']).nth(1)?;
    Some(u64::BITS - u64::from_str_radix(end, 16).ok()?.leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn kernels_are_judged_by_version() {
        let cases = [
            ("6.7.0", Status::Ok),
            ("6.12.1-cloud-amd64", Status::Ok),
            ("7.0-rc1", Status::Ok),
            ("10.1", Status::Ok),
            ("6.6.99", Status::Warn),
            ("5.15.0-1-amd64", Status::Warn),
            ("3.17.0", Status::Warn),
            ("3.16.9", Status::Fail),
            ("2.6.32", Status::Fail),
            ("6", Status::Warn),
            ("", Status::Warn),
            ("linux", Status::Warn),
            ("99999999999.1", Status::Warn),
        ];
        for (release, expected) in cases {
            assert_eq!(check_release(release).status, expected, "{release}");
        }
    }

    #[test]
    fn limits_are_read_as_the_kernel_writes_them() {
        let limits = "\
Limit                     Soft Limit           Hard Limit           Units     \n\
Max open files            256                  1048576              files     \n\
Max address space         unlimited            unlimited            bytes     \n";
        assert_eq!(limit(limits, "Max open files"), Some(Some(256)));
        assert_eq!(limit(limits, "Max address space"), Some(None));
        assert_eq!(limit(limits, "Max nonsense"), None);
        let cases = [
            (None, Status::Warn),
            (Some(None), Status::Ok),
            (Some(Some(1023)), Status::Warn),
            (Some(Some(1024)), Status::Ok),
        ];
        for (found, expected) in cases {
            assert_eq!(check_limit("open files", found, FILES, "raise it").status, expected, "{found:?}");
        }
        for (text, expected) in [
            (None, Status::Warn),
            (Some("x"), Status::Warn),
            (Some("65529\n"), Status::Warn),
            (Some("65530\n"), Status::Ok),
        ] {
            assert_eq!(check_mappings(text).status, expected, "{text:?}");
        }
    }

    #[test]
    fn addresses_are_counted_from_the_stack() {
        let cases = [
            ("7ffd1c0e4000-7ffd1c105000 rw-p 00000000 00:00 0    [stack]", Status::Ok),
            ("ffffd1c0e4000-ffffd1c105000 rw-p 00000000 00:00 0  [stack]", Status::Ok),
            ("7ffd1c0e40-7ffd1c1050 rw-p 00000000 00:00 0        [stack]", Status::Fail),
            ("bffdf000-c0000000 rw-p 00000000 00:00 0            [stack]", Status::Fail),
            ("00400000-00452000 r-xp 00000000 08:02 173521       /bin/x", Status::Warn),
            ("[stack]", Status::Warn),
            ("", Status::Warn),
        ];
        for (maps, expected) in cases {
            assert_eq!(check_addresses(Some(maps)).status, expected, "{maps}");
        }
    }

    #[test]
    fn a_machine_that_says_nothing_gets_a_warning_and_this_one_is_read() {
        let silent = checks(&Facts::default());
        assert_eq!((silent.len(), silent[0].status), (1, Status::Warn));
        if cfg!(target_os = "linux") {
            assert_eq!(checks(&Facts::read()).len(), 5);
        }
    }
}
