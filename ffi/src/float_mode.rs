//! The float control register. Every call runs with rounding to nearest, with
//! subnormals and without traps, whatever the host has set, and restores the host's
//! setting. The core decides by bits what could be subnormal, so it does not depend on
//! the flush bits; it does depend on the rounding mode.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "s390x"))]
pub use register::FloatMode;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "s390x")))]
pub use unknown::FloatMode;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "s390x"))]
mod register {
    use core::arch::asm;

    /// Restores the host's register when it is dropped.
    pub struct FloatMode(Option<Register>);

    impl FloatMode {
        /// Sets the default mode, unless it is set already, as it nearly always is.
        #[inline(always)]
        pub fn standard() -> Self {
            let host = read();
            if host & CONTROL == DEFAULT {
                return FloatMode(None);
            }
            write(DEFAULT);
            FloatMode(Some(host))
        }
    }

    impl Drop for FloatMode {
        #[inline(always)]
        fn drop(&mut self) {
            if let Some(host) = self.0 {
                write(host);
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    mod cpu {
        use super::asm;
        pub type Register = u32;
        /// Traps masked, rounding to nearest, no flush-to-zero.
        pub const DEFAULT: u32 = 0x1f80;
        /// The control bits; the others are flags of past exceptions.
        pub const CONTROL: u32 = 0xffc0;

        #[inline(always)]
        pub fn read() -> u32 {
            let mut mxcsr = 0u32;
            unsafe { asm!("stmxcsr [{}]", in(reg) &mut mxcsr, options(nostack)) };
            mxcsr
        }

        #[inline(always)]
        pub fn write(mxcsr: u32) {
            unsafe { asm!("ldmxcsr [{}]", in(reg) &mxcsr, options(nostack)) };
        }
    }

    #[cfg(target_arch = "aarch64")]
    mod cpu {
        use super::asm;
        pub type Register = u64;
        pub const DEFAULT: u64 = 0;
        /// FPCR holds no flags.
        pub const CONTROL: u64 = u64::MAX;

        #[inline(always)]
        pub fn read() -> u64 {
            let fpcr: u64;
            unsafe { asm!("mrs {}, fpcr", out(reg) fpcr, options(nostack)) };
            fpcr
        }

        #[inline(always)]
        pub fn write(fpcr: u64) {
            unsafe { asm!("msr fpcr, {}", in(reg) fpcr, options(nostack)) };
        }
    }

    #[cfg(target_arch = "s390x")]
    mod cpu {
        use super::asm;
        pub type Register = u32;
        pub const DEFAULT: u32 = 0;
        /// The masks of traps, and the rounding mode.
        pub const CONTROL: u32 = 0xf800_0007;

        #[inline(always)]
        pub fn read() -> u32 {
            let fpc: u32;
            unsafe { asm!("efpc {}", out(reg) fpc, options(nostack)) };
            fpc
        }

        #[inline(always)]
        pub fn write(fpc: u32) {
            unsafe { asm!("sfpc {}", in(reg) fpc, options(nostack)) };
        }
    }

    use cpu::{CONTROL, DEFAULT, Register, read, write};
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "s390x")))]
mod unknown {
    /// On other processors the host's mode is used unchanged.
    pub struct FloatMode;

    impl FloatMode {
        pub fn standard() -> Self {
            FloatMode
        }
    }
}
