//! The text of a PDF's first page, for the copies that the demonstration's generator makes: one uncompressed content
//! stream of `WinAnsi` strings. No reader of PDFs in general.

/// The lines of the page, each with its columns from left to right.
pub(super) fn lines(pdf: &[u8]) -> Vec<Vec<String>> {
    let Some(stream) = first_stream(pdf) else { return Vec::new() };
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut operands: Vec<Token> = Vec::new();
    for token in Tokens(stream) {
        match token {
            Token::Operator(b"Tj") => {
                if let (Some(Token::Text(text)), Some(line)) = (operands.last(), lines.last_mut()) {
                    line.push(text.clone());
                }
                operands.clear();
            }
            // A step down begins a line; a step aside goes on in it.
            Token::Operator(b"Td") => {
                if matches!(operands.last(), Some(Token::Number(down)) if *down != 0.0) || lines.is_empty() {
                    lines.push(Vec::new());
                }
                operands.clear();
            }
            Token::Operator(_) => operands.clear(),
            operand => operands.push(operand),
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

fn first_stream(pdf: &[u8]) -> Option<&[u8]> {
    let start = find(pdf, b"stream")? + b"stream".len();
    let rest = pdf.get(start..)?;
    rest.get(..find(rest, b"endstream")?)
}

fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len()).position(|window| window == word)
}

#[derive(Debug, Clone, PartialEq)]
enum Token<'a> {
    Text(String),
    Number(f64),
    Operator(&'a [u8]),
}

/// Splits a content stream.
struct Tokens<'a>(&'a [u8]);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.0 = self.0.trim_ascii_start();
        match *self.0.first()? {
            b'(' => Some(Token::Text(self.literal())),
            b'<' => Some(Token::Text(self.hexadecimal())),
            _ => Some(self.word()),
        }
    }
}

impl<'a> Tokens<'a> {
    fn word(&mut self) -> Token<'a> {
        let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'(' | b'<');
        let length = self.0.iter().position(ends).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(length);
        self.0 = rest;
        let number = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
        number.map_or(Token::Operator(word), Token::Number)
    }

    /// `(text)`: balanced brackets need no escape; octal codes and escaped characters do occur.
    fn literal(&mut self) -> String {
        let (mut text, mut depth, mut at) = (String::new(), 0_u32, 0);
        while let Some(&byte) = self.0.get(at) {
            at += 1;
            match byte {
                b'\\' => at += escaped(self.0.get(at..).unwrap_or_default(), &mut text),
                b'(' | b')' => {
                    depth = if byte == b'(' { depth + 1 } else { depth.saturating_sub(1) };
                    if depth == 0 {
                        break;
                    }
                    if depth > 1 || byte == b')' {
                        text.push(char::from(byte));
                    }
                }
                other => text.push(char::from(other)),
            }
        }
        self.0 = self.0.get(at..).unwrap_or_default();
        text
    }

    fn hexadecimal(&mut self) -> String {
        let end = self.0.iter().position(|byte| *byte == b'>').unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        let digits: Vec<u32> = digits.iter().filter_map(|digit| char::from(*digit).to_digit(16)).collect();
        let byte = |pair: &[u32]| char::from_u32(pair.iter().fold(0, |byte, digit| byte * 16 + digit));
        digits.chunks(2).filter_map(byte).collect()
    }
}

/// Adds what an escape stands for; says how many bytes it took behind the backslash.
fn escaped(rest: &[u8], text: &mut String) -> usize {
    let octal: Vec<u32> = rest.iter().take(3).map_while(|byte| char::from(*byte).to_digit(8)).collect();
    if octal.is_empty() {
        text.extend(rest.first().map(|byte| match byte {
            b'n' | b'r' | b't' => ' ',
            other => char::from(*other),
        }));
        return 1;
    }
    text.extend(char::from_u32(octal.iter().fold(0, |code, digit| code * 8 + digit)));
    octal.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_told_apart() {
        let pdf = b"%PDF-1.7\nstream\nBT\n72 770 Td\n0 -22 Td\n/B 11 Tf\n(Contrat) Tj\n120 0 Td\n/R 11 Tf\n(C1\\(a\\)) Tj\n-120 0 Td\n\
                    0 -14 Td\n<4CE9> Tj\n0 -14 Td\n(\\351t\\351 (f\\) f)) Tj\nET\nendstream";
        assert_eq!(lines(pdf), [vec!["Contrat", "C1(a)"], vec!["L\u{e9}"], vec!["\u{e9}t\u{e9} (f) f)"]]);
    }

    #[test]
    fn what_is_no_such_pdf_has_no_lines() {
        assert!(lines(b"%PDF-1.7 without content").is_empty());
        assert!(lines(b"stream (not closed").is_empty());
    }
}
