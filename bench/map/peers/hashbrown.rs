//! The HashMap of Rust's standard library (hashbrown) behind C functions. Compiled with --cfg key_u32 and so on, as
//! types.h has it, and --cfg our_hash for tophash's hash instead of SipHash.
#![crate_type = "staticlib"]

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::os::raw::c_char;

#[cfg(type_u32)]
mod types {
    pub type Key = u32;
    pub type CKey = u32;
    pub type Val = u32;
    pub fn key_of(key: CKey) -> Key { key }
    pub fn key_word(key: &Key) -> u64 { u64::from(*key) }
    pub fn val_word(val: &Val) -> u64 { u64::from(*val) }
}

#[cfg(type_u64)]
mod types {
    pub type Key = u64;
    pub type CKey = u64;
    pub type Val = u64;
    pub fn key_of(key: CKey) -> Key { key }
    pub fn key_word(key: &Key) -> u64 { *key }
    pub fn val_word(val: &Val) -> u64 { *val }
}

#[cfg(type_wide)]
mod types {
    pub type Key = u64;
    pub type CKey = u64;
    #[repr(C)]
    #[derive(Clone, Copy)]
    pub struct Val([u64; 7]);
    pub fn key_of(key: CKey) -> Key { key }
    pub fn key_word(key: &Key) -> u64 { *key }
    pub fn val_word(val: &Val) -> u64 { val.0[6] }
}

#[cfg(type_str)]
mod types {
    use std::ffi::CStr;
    pub type CKey = *const super::c_char;
    pub type Val = u64;
    /// One pointer, as the other tables keep it; its contents are what is hashed and compared.
    #[derive(Clone, Copy)]
    pub struct Key(CKey);
    impl Key {
        #[inline]
        pub fn bytes(&self) -> &[u8] {
            unsafe { CStr::from_ptr(self.0) }.to_bytes()
        }
    }
    impl PartialEq for Key {
        #[inline]
        fn eq(&self, other: &Key) -> bool { self.bytes() == other.bytes() }
    }
    impl Eq for Key {}
    pub fn key_of(key: CKey) -> Key { Key(key) }
    pub fn key_word(key: &Key) -> u64 { key.0 as u64 }
    pub fn val_word(val: &Val) -> u64 { *val }
}

use types::*;

#[cfg(type_str)]
impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.bytes());
        if !cfg!(our_hash) {
            state.write_u8(0xff); // as str does
        }
    }
}

/// The expression of our_hash.h.
mod ours {
    use std::hash::{BuildHasherDefault, Hasher};

    const SEED: u64 = 0x243f_6a88_85a3_08d3;
    const MULT: u64 = 0x9fb2_1c65_1e98_df25;
    const LAST: u64 = 0x9e37_79b9_7f4a_7c15;

    #[inline]
    fn fold(x: u64, y: u64) -> u64 {
        let product = u128::from(x) * u128::from(y);
        (product >> 64) as u64 ^ product as u64
    }

    #[inline]
    fn load8(p: &[u8]) -> u64 {
        let mut x = [0; 8];
        x.copy_from_slice(&p[..8]);
        u64::from_le_bytes(x)
    }

    #[derive(Default)]
    pub struct OurHasher(u64);

    impl Hasher for OurHasher {
        #[inline]
        fn write(&mut self, p: &[u8]) {
            let n = p.len() as u64;
            let hash = SEED ^ n.wrapping_mul(LAST);
            let hash = fold(load8(p) ^ hash, load8(&p[p.len() - 8..]) ^ MULT);
            self.0 = fold(hash ^ n, MULT);
        }
        #[inline]
        fn write_u64(&mut self, key: u64) {
            self.0 = fold(key ^ SEED, MULT).wrapping_mul(LAST);
        }
        #[inline]
        fn write_u32(&mut self, key: u32) {
            self.write_u64(u64::from(key));
        }
        #[inline]
        fn finish(&self) -> u64 {
            self.0
        }
    }

    pub type Build = BuildHasherDefault<OurHasher>;
}

#[cfg(our_hash)]
type Map = HashMap<Key, Val, ours::Build>;
#[cfg(not(our_hash))]
type Map = HashMap<Key, Val>;

#[no_mangle]
pub extern "C" fn hashbrown_new() -> *mut Map {
    Box::into_raw(Box::new(Map::default()))
}

/// # Safety
/// As of all below: what hashbrown_new returned, and not freed yet.
#[no_mangle]
pub unsafe extern "C" fn hashbrown_free(map: *mut Map) {
    drop(Box::from_raw(map));
}

#[no_mangle]
pub unsafe extern "C" fn hashbrown_reserve(map: *mut Map, n: usize) {
    (*map).reserve(n);
}

#[no_mangle]
pub unsafe extern "C" fn hashbrown_put(map: *mut Map, key: CKey, val: *const Val) {
    (*map).insert(key_of(key), *val);
}

#[no_mangle]
pub unsafe extern "C" fn hashbrown_get(map: *const Map, key: CKey) -> *const Val {
    match (*map).get(&key_of(key)) {
        Some(val) => val,
        None => std::ptr::null(),
    }
}

#[no_mangle]
pub unsafe extern "C" fn hashbrown_erase(map: *mut Map, key: CKey) -> bool {
    (*map).remove(&key_of(key)).is_some()
}

#[no_mangle]
pub unsafe extern "C" fn hashbrown_sum(map: *const Map) -> u64 {
    (*map).iter().fold(0, |sum: u64, (key, val)| sum.wrapping_add(key_word(key)).wrapping_add(val_word(val)))
}

#[no_mangle]
pub unsafe extern "C" fn hashbrown_size(map: *const Map) -> usize {
    (*map).len()
}
