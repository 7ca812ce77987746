//! PNG: pixels as a file, in one compressed chunk.

use miniz_oxide::deflate::compress_to_vec_zlib;

/// An 8-bit RGB image; `pixels` are rows of red, green, blue.
pub fn encode(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut head = Vec::new();
    head.extend(width.to_be_bytes());
    head.extend(height.to_be_bytes());
    head.extend([8, 2, 0, 0, 0]); // bits, RGB, deflate, filters, not interlaced
    chunk(&mut file, b"IHDR", &head);
    let mut rows = Vec::with_capacity(pixels.len() + height as usize);
    for row in pixels.chunks(3 * width as usize) {
        rows.push(0); // no filter
        rows.extend(row);
    }
    chunk(&mut file, b"IDAT", &compress_to_vec_zlib(&rows, 6));
    chunk(&mut file, b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend(kind);
    file.extend(data);
    let sum = crc32fast::hash(&file[start..]);
    file.extend(sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::inflate::decompress_to_vec_zlib;

    #[test]
    fn one_pixel_is_the_file_that_the_standard_describes() {
        let file = encode(&[255, 0, 128], 1, 1);
        // IHDR of a 1 x 1 RGB image, its checksum as every encoder writes it.
        assert_eq!(&file[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&file[8..33], b"\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90\x77\x53\xde");
        assert_eq!(&file[file.len() - 12..], b"\0\0\0\0IEND\xae\x42\x60\x82");
        let length = u32::from_be_bytes(file[33..37].try_into().unwrap()) as usize;
        assert_eq!(decompress_to_vec_zlib(&file[41..41 + length]).unwrap(), [0, 255, 0, 128]);
    }
}
