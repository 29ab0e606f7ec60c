//! Where the pages of a database lie in its file, and the checksums that reveal
//! a changed one: the database itself checks none when it reads. Behind each
//! page of sums lie the pages that they belong to. The database's first page
//! holds its own sum: it is overwritten in place, and so both change at once.
//! What a page holds is not known here.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A page of the database, and of the file.
pub(crate) const PAGE_BYTES: usize = 4096;

const PAGE: u64 = PAGE_BYTES as u64;

/// The length of a sum.
const SUM_BYTES: usize = 8;

/// How many pages lie behind a page of their sums.
const GROUP_PAGES: u64 = (PAGE_BYTES / SUM_BYTES - 1) as u64;

/// It ends each page of sums, so that one that became zeros is told from one
/// whose pages were never written.
const SUMS_MARK: [u8; SUM_BYTES] = *b"the sums";

/// The database uses less than this of its first page, and a disk writes at
/// least this much at once.
const HEADER_BYTES: usize = 512;

/// This much of it is the database's, and the sum is behind.
const HEADER_USED_BYTES: usize = HEADER_BYTES - SUM_BYTES;

/// How a database without sums begins.
const EARLIER_MAGIC: [u8; 4] = *b"redb";

/// A file of pages and sums.
#[derive(Debug)]
pub(crate) struct Pages {
    file: File,
}

impl Pages {
    /// Pages in that file.
    pub(crate) fn new(file: File) -> Pages {
        Pages { file }
    }

    /// The file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Whether the file is a database without sums.
    pub(crate) fn is_of_earlier_layout(&self) -> io::Result<bool> {
        let mut start = [0; EARLIER_MAGIC.len()];
        if self.file.metadata()?.len() < start.len() as u64 {
            return Ok(false);
        }
        self.file.read_exact_at(&mut start, 0)?;
        Ok(start == EARLIER_MAGIC)
    }

    /// How long the database is, as the database counts.
    pub(crate) fn length_bytes(&self) -> io::Result<u64> {
        let file_bytes = self.file.metadata()?.len();
        let group_bytes = (GROUP_PAGES + 1) * PAGE;
        let (groups, rest) = (file_bytes / group_bytes, file_bytes % group_bytes);
        Ok(groups * GROUP_PAGES * PAGE + rest.saturating_sub(PAGE))
    }

    /// Makes it longer or shorter. New pages are zeros.
    pub(crate) fn set_length(&self, length_bytes: u64) -> io::Result<()> {
        let Some(last) = length_bytes.checked_sub(1) else {
            return self.file.set_len(0);
        };
        let next = last / PAGE + 1;
        if length_bytes < self.length_bytes()? {
            // The sums of pages that there are no longer.
            let in_group = next % GROUP_PAGES;
            if in_group > 0 {
                let left = (GROUP_PAGES - in_group) as usize;
                let zeros = vec![0; left * SUM_BYTES];
                self.file.write_all_at(&zeros, sum_offset(next))?;
            }
        }
        // First the marks: a page is never there without.
        (self.groups()?..last / PAGE / GROUP_PAGES + 1)
            .try_for_each(|group| self.file.write_all_at(&SUMS_MARK, mark_offset(group)))?;
        self.file
            .set_len(page_offset(last / PAGE) + last % PAGE + 1)
    }

    /// How many pages of sums there are.
    fn groups(&self) -> io::Result<u64> {
        let group_bytes = (GROUP_PAGES + 1) * PAGE;
        Ok(self.file.metadata()?.len().div_ceil(group_bytes))
    }

    fn has_mark(&self, group: u64) -> io::Result<bool> {
        let mut mark = [0; SUM_BYTES];
        self.file.read_exact_at(&mut mark, mark_offset(group))?;
        Ok(mark == SUMS_MARK)
    }

    /// Fills `out` with what was written there, or says that it has changed.
    pub(crate) fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut at = offset;
        let mut out = out;
        while !out.is_empty() {
            let (page, start) = (at / PAGE, (at % PAGE) as usize);
            let done = if start == 0 && page > 0 && out.len() >= PAGE_BYTES {
                let pages = run(page, out.len());
                let bytes = pages * PAGE_BYTES;
                self.read_pages(page, &mut out[..bytes])?;
                bytes
            } else {
                let bytes = out.len().min(PAGE_BYTES - start);
                let whole = self.read_page(page)?;
                out[..bytes].copy_from_slice(&whole[start..start + bytes]);
                bytes
            };
            at += done as u64;
            out = &mut out[done..];
        }
        Ok(())
    }

    /// Writes there.
    pub(crate) fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut at = offset;
        let mut data = data;
        while !data.is_empty() {
            let (page, start) = (at / PAGE, (at % PAGE) as usize);
            let done = if start == 0 && page > 0 && data.len() >= PAGE_BYTES {
                let pages = run(page, data.len());
                self.write_pages(page, &data[..pages * PAGE_BYTES])?;
                pages * PAGE_BYTES
            } else {
                let bytes = data.len().min(PAGE_BYTES - start);
                let mut whole = self.read_page(page)?;
                whole[start..start + bytes].copy_from_slice(&data[..bytes]);
                match page {
                    0 => self.write_header(&whole)?,
                    _ => self.write_pages(page, &whole)?,
                }
                bytes
            };
            at += done as u64;
            data = &data[done..];
        }
        Ok(())
    }

    fn read_page(&self, page: u64) -> io::Result<Vec<u8>> {
        let mut whole = vec![0; PAGE_BYTES];
        match page {
            0 => self.read_header(&mut whole)?,
            _ => self.read_pages(page, &mut whole)?,
        }
        Ok(whole)
    }

    /// Whole pages of one group.
    fn read_pages(&self, first: u64, out: &mut [u8]) -> io::Result<()> {
        let mut sums = vec![0; out.len() / PAGE_BYTES * SUM_BYTES];
        self.file.read_exact_at(out, page_offset(first))?;
        self.file.read_exact_at(&mut sums, sum_offset(first))?;
        for ((page, data), sum) in (first..)
            .zip(out.chunks_exact(PAGE_BYTES))
            .zip(sums.chunks_exact(SUM_BYTES))
        {
            // A page that was never written is zeros, and so is its sum.
            let is_new = sum == [0; SUM_BYTES] && data.iter().all(|byte| *byte == 0);
            let is_as_written = match is_new {
                true => self.has_mark(page / GROUP_PAGES)?,
                false => sum == sum_of(page, data),
            };
            if !is_as_written {
                return Err(changed(page));
            }
        }
        Ok(())
    }

    fn write_pages(&self, first: u64, data: &[u8]) -> io::Result<()> {
        let pages = (first..).zip(data.chunks_exact(PAGE_BYTES));
        let sums: Vec<u8> = pages.flat_map(|(page, data)| sum_of(page, data)).collect();
        self.file.write_all_at(data, page_offset(first))?;
        self.file.write_all_at(&sums, sum_offset(first))
    }

    fn read_header(&self, whole: &mut [u8]) -> io::Result<()> {
        let mut header = [0; HEADER_BYTES];
        self.file.read_exact_at(&mut header, page_offset(0))?;
        let (used, sum) = header.split_at(HEADER_USED_BYTES);
        if header != [0; HEADER_BYTES] && sum != sum_of(0, used) {
            return Err(changed(0));
        }
        whole[..HEADER_USED_BYTES].copy_from_slice(used);
        Ok(())
    }

    fn write_header(&self, whole: &[u8]) -> io::Result<()> {
        let (used, unused) = whole.split_at(HEADER_USED_BYTES);
        debug_assert!(unused.iter().all(|byte| *byte == 0));
        let header = [used, &sum_of(0, used)].concat();
        self.file.write_all_at(&header, page_offset(0))
    }
}

/// How many of the pages that `bytes` cover lie in the group of the first.
fn run(first: u64, bytes: usize) -> usize {
    let left = GROUP_PAGES - first % GROUP_PAGES;
    (bytes / PAGE_BYTES).min(left as usize)
}

fn page_offset(page: u64) -> u64 {
    let (group, place) = (page / GROUP_PAGES, page % GROUP_PAGES);
    (group * (GROUP_PAGES + 1) + 1 + place) * PAGE
}

fn sum_offset(page: u64) -> u64 {
    let (group, place) = (page / GROUP_PAGES, page % GROUP_PAGES);
    group * (GROUP_PAGES + 1) * PAGE + place * SUM_BYTES as u64
}

fn mark_offset(group: u64) -> u64 {
    group * (GROUP_PAGES + 1) * PAGE + GROUP_PAGES * SUM_BYTES as u64
}

/// It depends on the page's number, so that one page does not pass for another,
/// and it is never zero.
fn sum_of(page: u64, data: &[u8]) -> [u8; SUM_BYTES] {
    let place = (page as u32).wrapping_add(1).max(1);
    let sum = u64::from(place) << 32 | u64::from(crc32fast::hash(data));
    sum.to_be_bytes()
}

fn changed(page: u64) -> io::Error {
    let what = format!("page {page} is not as it was written");
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_became_zeros_together_with_its_sum_is_not_taken_for_a_new_one() {
        let pages = Pages::new(tempfile::tempfile().expect("a file"));
        let (page, other) = (GROUP_PAGES + 3, GROUP_PAGES + 4);
        pages.set_length((other + 1) * PAGE).expect("it grows");
        let mut found = vec![7; PAGE_BYTES];
        pages
            .read(page * PAGE, &mut found)
            .expect("a new page is zeros");
        assert_eq!(found, [0; PAGE_BYTES]);
        let written = [5; PAGE_BYTES];
        pages.write(page * PAGE, &written).expect("it is written");
        pages.read(page * PAGE, &mut found).expect("and read");
        assert_eq!(found, written);

        let zeros = [0; PAGE_BYTES];
        for offset in [page_offset(page), page_offset(GROUP_PAGES) - PAGE] {
            pages.file.write_all_at(&zeros, offset).expect("it changes");
        }
        for page in [page, other] {
            let error = pages.read(page * PAGE, &mut found).expect_err("a change");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
}
