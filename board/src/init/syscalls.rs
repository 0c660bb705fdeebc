//! What `serve` and `link` never ask of the kernel: a seccomp filter that refuses calls with which
//! a taken-over process would reach for the rest of the system. Ordinary calls all pass, so the
//! filter does not depend on the C library or the allocator.

use nix::libc;

/// seccomp(2): refuse with an errno, or let pass, or kill.
const REFUSE: u32 = 0x0005_0000;
const PASS: u32 = 0x7fff_0000;
const KILL: u32 = 0x8000_0000;

/// Offsets in `struct seccomp_data`; the low half of the first argument is first on these machines.
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;

/// `AUDIT_ARCH_*` of linux/audit.h.
#[cfg(target_arch = "aarch64")]
const OURS: u32 = 0xc000_00b7;
#[cfg(target_arch = "x86_64")]
const OURS: u32 = 0xc000_003e;

/// `CLONE_NEW*`: a process in namespaces of its own is root there, and reaches more of the kernel.
const NAMESPACES: u32 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP)
    .cast_unsigned();

/// asm/unistd.h; libc lacks it for some targets.
#[cfg(target_arch = "aarch64")]
const KEXEC_FILE_LOAD: libc::c_long = 294;
#[cfg(target_arch = "x86_64")]
const KEXEC_FILE_LOAD: libc::c_long = 320;

const REFUSED: [libc::c_long; 42] = [
    // other processes
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_perf_event_open,
    // the kernel's own code
    libc::SYS_bpf,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    KEXEC_FILE_LOAD,
    // file systems
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_quotactl,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_mknodat,
    // namespaces and identity
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_personality,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    // the whole machine
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_syslog,
    // large parts of the kernel we have no use for
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
];

/// The program, to be installed after `no_new_privs`.
#[derive(Debug)]
pub(super) struct Filter(Vec<libc::sock_filter>);

impl Filter {
    pub fn new() -> Filter {
        let mut program = vec![load(MACHINE), skip_if_equal(OURS, 1), end(KILL), load(NUMBER)];
        for call in REFUSED {
            program.extend([
                skip_unless_equal(number(call), 1),
                end(REFUSE | errno(libc::EPERM)),
            ]);
        }
        // Its arguments are out of a filter's sight; without it libraries fall back on clone.
        program.extend([
            skip_unless_equal(number(libc::SYS_clone3), 1),
            end(REFUSE | errno(libc::ENOSYS)),
            skip_unless_equal(number(libc::SYS_clone), 3),
            load(FIRST_ARGUMENT),
            skip_unless_any(NAMESPACES, 1),
            end(REFUSE | errno(libc::EPERM)),
            end(PASS),
        ]);
        Filter(program)
    }

    /// Puts the calling thread, and what it starts, under the filter. Makes one system call and
    /// neither allocates nor locks.
    ///
    /// # Errors
    /// The kernel's own.
    pub fn install(&self) -> std::io::Result<()> {
        let program = libc::sock_fprog {
            len: u16::try_from(self.0.len()).unwrap_or(0), // the kernel refuses an empty one
            filter: self.0.as_ptr().cast_mut(),
        };
        // SAFETY: the kernel reads the program, which outlives the call, and writes nothing.
        #[allow(unsafe_code)] // no safe wrapper exists that is usable after fork
        let result = unsafe {
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            )
        };
        if result < 0 {
            Err(std::io::Error::last_os_error())
        } else {
            Ok(())
        }
    }
}

fn instruction(code: u32, when_true: u8, when_false: u8, operand: u32) -> libc::sock_filter {
    let code = u16::try_from(code).unwrap_or(0);
    libc::sock_filter {
        code,
        jt: when_true,
        jf: when_false,
        k: operand,
    }
}

fn load(offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

fn end(verdict: u32) -> libc::sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, verdict)
}

fn skip_if_equal(operand: u32, skipped: u8) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, skipped, 0, operand)
}

fn skip_unless_equal(operand: u32, skipped: u8) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, skipped, operand)
}

fn skip_unless_any(bits: u32, skipped: u8) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 0, skipped, bits)
}

fn number(call: libc::c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX) // no call has this number
}

fn errno(error: i32) -> u32 {
    error.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;
    use nix::sched::{CloneFlags, unshare};

    /// The filter is of one thread, which ends with the test.
    fn filtered<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
        let thread = std::thread::spawn(move || {
            nix::sys::prctl::set_no_new_privs().unwrap();
            Filter::new().install().unwrap();
            act()
        });
        thread.join().unwrap()
    }

    #[test]
    fn what_breaks_out_is_refused() {
        let refused = filtered(|| {
            let mount = nix::mount::umount("/nowhere").unwrap_err();
            let namespace = unshare(CloneFlags::empty()).unwrap_err();
            let name = nix::unistd::sethostname("x").unwrap_err();
            [mount, namespace, name]
        });
        assert_eq!(refused, [Errno::EPERM; 3]);
        // Unlike the others this one is allowed to everybody: it is the filter that refuses.
        assert_eq!(unshare(CloneFlags::empty()), Ok(()));
    }

    #[test]
    fn ordinary_work_passes() {
        let done = filtered(|| {
            let thread = std::thread::spawn(|| 7).join().unwrap();
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            listener.accept().unwrap();
            let child = std::process::Command::new("true").status().unwrap();
            let file = std::fs::read("/proc/self/status").unwrap();
            (
                thread,
                client.peer_addr().is_ok(),
                child.success(),
                file.is_empty(),
            )
        });
        assert_eq!(done, (7, true, true, false));
    }
}
