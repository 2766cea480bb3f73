//! The VFS: the system's own, with a look at every page that comes from a watched file, and each frame of a write-ahead log in one piece.
//!
//! A file of SQLite's is a block of memory of the size that its VFS asks for, which begins with a pointer to a table of functions. Ours is
//! a [`File`] with the system's own file right behind it; each of our functions passes what it is given on to the system's
//! function of the same name. Files that are neither databases nor their write-ahead logs are the system's alone: it opens them in the block
//! as if it were its own.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::slice;
use std::sync::{Arc, OnceLock};

use libsqlite3_sys as ffi;

use crate::frame::Header;
use crate::pages::{PAGE, Pages};
use crate::watched::find;

/// The extended result code of a read that met another page than the one that was written.
pub const IS_NOT_THE_PAGE: c_int = ffi::SQLITE_IOERR_DATA;

const NAME: &CStr = c"coffre-pages";

/// Registered, or not: a system without a VFS of its own.
static REGISTERED: OnceLock<bool> = OnceLock::new();

/// The name to open connections with; registers it at first. `None` where SQLite has no VFS that this one could stand on.
pub fn vfs_name() -> Option<&'static CStr> {
    REGISTERED.get_or_init(register).then_some(NAME)
}

fn register() -> bool {
    // SAFETY: finding and registering a VFS may be done by any thread at any time. What is registered lives for good and is never
    // written to by us again.
    unsafe {
        let system = ffi::sqlite3_vfs_find(ptr::null());
        if system.is_null() {
            return false;
        }
        let mut ours = *system;
        let Ok(size) = c_int::try_from(size_of::<File>()) else { return false };
        ours.szOsFile += size;
        ours.pNext = ptr::null_mut();
        ours.zName = NAME.as_ptr();
        ours.pAppData = system.cast();
        ours.xOpen = Some(open);
        // Everything else the system's VFS does without looking at which VFS it is called as.
        ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 0) == ffi::SQLITE_OK
    }
}

/// A database file, or its write-ahead log. The system's own file follows it in memory.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    /// One reference of the `Arc`, or null for a file that is not watched.
    pages: *const Pages,
    is_log: bool,
    /// Of a log: the header that waits for its page.
    header: Option<Header>,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 3,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: Some(fetch),
    xUnfetch: Some(unfetch),
};

/// The system's file behind ours.
///
/// # Safety
/// `file` is one that [`open`] made a [`File`].
unsafe fn behind(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: the block has room for both, and a `File` is aligned as every pointer is.
    unsafe { file.cast::<File>().add(1).cast() }
}

/// `sqlite3_vfs.xOpen`.
unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls this with the VFS that was registered, and with a block of `szOsFile` bytes.
    unsafe {
        let system = (*vfs).pAppData.cast::<ffi::sqlite3_vfs>();
        let Some(open) = (*system).xOpen else { return ffi::SQLITE_CANTOPEN };
        if flags & (ffi::SQLITE_OPEN_MAIN_DB | ffi::SQLITE_OPEN_WAL) == 0 || name.is_null() {
            return open(system, name, file, flags, out_flags);
        }
        let is_log = flags & ffi::SQLITE_OPEN_WAL != 0;
        let ours = file.cast::<File>();
        // Until it is open there is nothing to close.
        (*ours).base.pMethods = ptr::null();
        (*ours).pages = ptr::null();
        (*ours).is_log = is_log;
        (*ours).header = None;
        let code = open(system, name, behind(file), flags, out_flags);
        if code == ffi::SQLITE_OK {
            if !is_log {
                let path = CStr::from_ptr(name.cast::<c_char>()).to_bytes();
                (*ours).pages = find(path).map_or(ptr::null(), Arc::into_raw);
            }
            (*ours).base.pMethods = &raw const METHODS;
        }
        code
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: an open file of ours; SQLite does nothing with it afterwards. The reference was taken when it was opened.
    unsafe {
        // Of no commit, which would have ended with another frame.
        let _of_nothing_that_counts = settle(file);
        let ours = file.cast::<File>();
        if !(*ours).pages.is_null() {
            drop(Arc::from_raw((*ours).pages));
            (*ours).pages = ptr::null();
        }
        let system = behind(file);
        (*(*system).pMethods).xClose.map_or(ffi::SQLITE_OK, |close| close(system))
    }
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    buffer: *mut c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: an open file of ours, and a buffer of `amount` bytes, which the system's function fills.
    unsafe {
        let code = settle(file);
        if code != ffi::SQLITE_OK {
            return code;
        }
        let system = behind(file);
        let Some(read) = (*(*system).pMethods).xRead else { return ffi::SQLITE_IOERR_READ };
        let code = match read(system, buffer, amount, offset) {
            // Which SQLite would call a corrupt file.
            ffi::SQLITE_IOERR_CORRUPTFS => ffi::SQLITE_IOERR_READ,
            code => code,
        };
        let pages = (*file.cast::<File>()).pages;
        let (Ok(length), Ok(at)) = (usize::try_from(amount), usize::try_from(offset)) else { return code };
        // Less than a page is looked at for what kind of file it is; what is in it is read as a page.
        if pages.is_null() || length != PAGE || !at.is_multiple_of(PAGE) {
            return code;
        }
        let number = at / PAGE;
        let is_right = match code {
            ffi::SQLITE_OK => match (*pages).holds(number, slice::from_raw_parts(buffer.cast::<u8>(), length)) {
                Ok(is_right) => is_right,
                Err(_) => return ffi::SQLITE_IOERR_READ,
            },
            // The file ends before the page: what SQLite takes for a page of zeros, and SQLCipher for one without a MAC.
            ffi::SQLITE_IOERR_SHORT_READ => !(*pages).has(number),
            _ => true,
        };
        if is_right { code } else { IS_NOT_THE_PAGE }
    }
}

/// Has the system write to its own file.
///
/// # Safety
/// `file` is one that [`open`] made a [`File`], and open.
unsafe fn put(file: *mut ffi::sqlite3_file, bytes: &[u8], offset: ffi::sqlite3_int64) -> c_int {
    let Ok(amount) = c_int::try_from(bytes.len()) else { return ffi::SQLITE_IOERR_WRITE };
    // SAFETY: the system's file is open as well, and the bytes are there until its function returns.
    unsafe {
        let system = behind(file);
        let Some(write) = (*(*system).pMethods).xWrite else { return ffi::SQLITE_IOERR_WRITE };
        write(system, bytes.as_ptr().cast(), amount, offset)
    }
}

/// Writes a header whose page was not what came next: before anything else is done with the log.
///
/// # Safety
/// As of [`put`].
unsafe fn settle(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: an open file of ours, which one thread uses at a time.
    unsafe {
        let ours = file.cast::<File>();
        let waiting = (*ours).header;
        (*ours).header = None;
        waiting.map_or(ffi::SQLITE_OK, |header| put(file, &header.bytes, header.at))
    }
}

/// To a log a frame goes in one piece: its header waits for its page.
unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    buffer: *const c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: an open file of ours, which one thread uses at a time, and `amount` bytes that nobody changes until this returns.
    unsafe {
        let Ok(length) = usize::try_from(amount) else { return ffi::SQLITE_IOERR_WRITE };
        let bytes = slice::from_raw_parts(buffer.cast::<u8>(), length);
        let ours = file.cast::<File>();
        if !(*ours).is_log {
            return put(file, bytes, offset);
        }
        let waiting = (*ours).header;
        if let Some((header, frame)) = waiting.and_then(|header| Some((header, header.with(bytes, offset)?))) {
            (*ours).header = None;
            return put(file, &frame, header.at);
        }
        let code = settle(file);
        if code != ffi::SQLITE_OK {
            return code;
        }
        let header = Header::of(bytes, offset);
        (*ours).header = header;
        if header.is_some() { ffi::SQLITE_OK } else { put(file, bytes, offset) }
    }
}

/// A function that passes everything on to the system's of the same name.
macro_rules! passed_on {
    ($name:ident, $method:ident, ($($argument:ident: $kind:ty),*), $otherwise:expr) => {
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file, $($argument: $kind),*) -> c_int {
            // SAFETY: an open file of ours, whose system's file is open too, and arguments as SQLite gives them.
            unsafe {
                let code = settle(file);
                if code != ffi::SQLITE_OK {
                    return code;
                }
                let system = behind(file);
                (*(*system).pMethods).$method.map_or($otherwise, |method| method(system, $($argument),*))
            }
        }
    };
}

passed_on!(truncate, xTruncate, (size: ffi::sqlite3_int64), ffi::SQLITE_IOERR_TRUNCATE);
passed_on!(sync, xSync, (flags: c_int), ffi::SQLITE_IOERR_FSYNC);
passed_on!(file_size, xFileSize, (size: *mut ffi::sqlite3_int64), ffi::SQLITE_IOERR_FSTAT);
passed_on!(lock, xLock, (level: c_int), ffi::SQLITE_IOERR_LOCK);
passed_on!(unlock, xUnlock, (level: c_int), ffi::SQLITE_IOERR_UNLOCK);
passed_on!(check_reserved_lock, xCheckReservedLock, (found: *mut c_int), ffi::SQLITE_IOERR_CHECKRESERVEDLOCK);
passed_on!(file_control, xFileControl, (operation: c_int, argument: *mut c_void), ffi::SQLITE_NOTFOUND);
passed_on!(sector_size, xSectorSize, (), 4096);
passed_on!(
    shm_map,
    xShmMap,
    (page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void),
    ffi::SQLITE_IOERR_SHMMAP
);
passed_on!(shm_lock, xShmLock, (offset: c_int, count: c_int, flags: c_int), ffi::SQLITE_IOERR_SHMLOCK);
passed_on!(shm_unmap, xShmUnmap, (delete: c_int), ffi::SQLITE_OK);

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    // SAFETY: as above.
    unsafe {
        let system = behind(file);
        if let Some(barrier) = (*(*system).pMethods).xShmBarrier {
            barrier(system);
        }
    }
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: as above.
    let found = unsafe {
        let system = behind(file);
        (*(*system).pMethods).xDeviceCharacteristics.map_or(0, |method| method(system))
    };
    // Whole pages are read, or they could not be looked at.
    found & !ffi::SQLITE_IOCAP_SUBPAGE_READ
}

/// Nothing is mapped into memory: what is there could not be looked at.
unsafe extern "C" fn fetch(
    _file: *mut ffi::sqlite3_file,
    _offset: ffi::sqlite3_int64,
    _amount: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite gives a place for the answer.
    unsafe { *out = ptr::null_mut() };
    ffi::SQLITE_OK
}

unsafe extern "C" fn unfetch(_file: *mut ffi::sqlite3_file, _offset: ffi::sqlite3_int64, _page: *mut c_void) -> c_int {
    ffi::SQLITE_OK
}
