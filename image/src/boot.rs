//! What U-Boot reads: the boot script in its image format, and its environment.

use flate2::Crc;

/// The kernel's command line, less the slot.
///
/// Both consoles get everything: HDMI (`tty1`) and the serial pins of the header (`ttyS1`, the last
/// named, so it is `/dev/console`). `panic`: a kernel that dies is a try that failed.
const KERNEL_ARGUMENTS: &str =
    "console=tty1 console=ttyS1,115200 loglevel=6 printk.devkmsg=on panic=10 rdinit=/init";

const SCRIPT: &str = include_str!("../boot/boot.cmd");

/// What U-Boot does when it starts. Without this it would wait two seconds for a key, and noise on
/// an open serial pin is a key. Should the file be lost, U-Boot's own defaults find `boot.scr` too.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("bootdelay", "-2"),
    (
        "bootcmd",
        "setenv devtype mmc; for devnum in 0 1 2; do run start; done; bootflow scan",
    ),
    (
        "start",
        "if load mmc ${devnum}:1 ${scriptaddr} boot.scr; then source ${scriptaddr}; fi",
    ),
    ("scriptaddr", "0x02400000"),
    ("fdt_high", "ffffffffffffffff"),
    ("initrd_high", "ffffffffffffffff"),
];
/// Debian's `u-boot-rpi` is built with an environment of this size, without a redundant copy.
const ENVIRONMENT_SIZE: usize = 0x4000;

const HEADER: usize = 64;

/// `boot.scr`: the script as a legacy U-Boot image.
pub fn script() -> Vec<u8> {
    let text = SCRIPT.replace("@BOOTARGS@", KERNEL_ARGUMENTS);
    script_image(&text)
}

fn script_image(text: &str) -> Vec<u8> {
    // A script is a list of one: its length, then the list's end.
    let mut data = be(text.len()).to_vec();
    data.extend_from_slice(&[0; 4]);
    data.extend_from_slice(text.as_bytes());

    let (linux, arm64, script, uncompressed) = (5, 22, 6, 0);
    let header = |own_crc: u32| {
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(&0x2705_1956_u32.to_be_bytes());
        header.extend_from_slice(&own_crc.to_be_bytes());
        header.extend_from_slice(&[0; 4]); // made at: no clock in the image
        header.extend_from_slice(&be(data.len()));
        header.extend_from_slice(&[0; 8]); // load and entry address: scripts have none
        header.extend_from_slice(&crc(&data).to_be_bytes());
        header.extend_from_slice(&[linux, arm64, script, uncompressed]);
        header.extend_from_slice(b"Pillarbox");
        header.resize(HEADER, 0);
        header
    };
    let mut image = header(crc(&header(0)));
    image.extend_from_slice(&data);
    image
}

/// `uboot.env`.
pub fn environment() -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in ENVIRONMENT {
        text.extend_from_slice(format!("{name}={value}\0").as_bytes());
    }
    text.resize(ENVIRONMENT_SIZE - 4, 0);
    let mut file = crc(&text).to_le_bytes().to_vec();
    file.extend_from_slice(&text);
    file
}

/// For the firmware of the Raspberry Pi. `upstream_kernel` makes it load the device tree by the name
/// that Debian's kernel gives it.
pub const CONFIG_TXT: &str = "\
# Read by the Raspberry Pi's firmware. Pillarbox never changes this file.
arm_64bit=1
enable_uart=1
upstream_kernel=1
kernel=u-boot.bin
dtparam=i2c_arm=on
disable_splash=1
gpu_mem=32
# A screen plugged in later still shows something.
hdmi_force_hotplug=1
";

fn crc(octets: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(octets);
    crc.sum()
}

/// The script is a few kilobytes; a length that does not fit shows as a bad image at the first boot.
fn be(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_header_is_what_mkimage_writes() {
        // mkimage -A arm64 -O linux -T script -C none -n Pillarbox, with SOURCE_DATE_EPOCH=0
        let image = script_image("echo hi\n");
        assert_eq!(image[..4], [0x27, 0x05, 0x19, 0x56]);
        assert_eq!(
            image[12..16],
            16_u32.to_be_bytes(),
            "size: list of one and the text"
        );
        assert_eq!(image[28..32], [5, 22, 6, 0]);
        assert_eq!(&image[32..41], b"Pillarbox");
        assert_eq!(image[64..72], [0, 0, 0, 8, 0, 0, 0, 0]);
        assert_eq!(&image[72..], b"echo hi\n");
        assert_eq!(image[24..28], crc(&image[64..]).to_be_bytes());
        let mut zeroed = image[..64].to_vec();
        zeroed[4..8].fill(0);
        assert_eq!(image[4..8], crc(&zeroed).to_be_bytes());
    }

    #[test]
    fn script_has_its_kernel_arguments_and_fits_where_it_is_loaded() {
        let text = String::from_utf8_lossy(&script()).into_owned();
        assert!(text.contains("rdinit=/init pillarbox.partition="));
        assert!(!text.contains('@'));
        assert!(text.len() < 16 << 10);
    }

    #[test]
    fn script_reads_the_state_where_the_board_writes_it() {
        let [first, second] = board::layout::slots::COPIES.map(|at| format!("0x{:x} 1", at / 512));
        assert!(SCRIPT.contains(&format!("read ${{state_1}} {first}")));
        assert!(SCRIPT.contains(&format!("read ${{state_2}} {second}")));
        assert!(SCRIPT.contains(&format!("0x{:x}", board::layout::slots::BLOCK - 4)));
        let magic = &board::layout::slots::BootState::AS_BUILT.encode()[..8];
        for half in magic.chunks(4) {
            let word = u32::from_le_bytes(half.try_into().unwrap());
            assert!(SCRIPT.contains(&format!("0x{word:08x}")), "{word:08x}");
        }
    }

    #[test]
    fn environment_has_the_size_and_sum_u_boot_checks() {
        let file = environment();
        assert_eq!(file.len(), ENVIRONMENT_SIZE);
        assert_eq!(file[..4], crc(&file[4..]).to_le_bytes());
        assert!(file[4..].starts_with(b"bootdelay=-2\0bootcmd="));
        assert!(file.ends_with(&[0, 0]));
    }
}
