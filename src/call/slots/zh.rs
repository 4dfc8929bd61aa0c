//! Spoken Chinese numbers.

/// The digit a character stands for when a number is read out digit by digit.
pub fn digit(c: char) -> Option<u8> {
    Some(match c {
        '零' | '〇' | '洞' => 0,
        '一' | '幺' | '壹' => 1,
        '二' | '两' | '贰' | '兩' => 2,
        '三' | '叁' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        _ => return ascii_digit(c),
    })
}

/// ASCII and full-width digits.
pub fn ascii_digit(c: char) -> Option<u8> {
    match c {
        '0'..='9' => Some(c as u8 - b'0'),
        '０'..='９' => u8::try_from(c as u32 - '０' as u32).ok(),
        _ => None,
    }
}

/// 十 百 千, and the large 万 亿.
pub fn unit(c: char) -> Option<u64> {
    Some(match c {
        '十' | '拾' => 10,
        '百' | '佰' => 100,
        '千' | '仟' => 1000,
        '万' | '萬' => 10_000,
        '亿' | '億' => 100_000_000,
        _ => return None,
    })
}

/// Whether a character can be part of a spoken number.
pub fn is_numeral(c: char) -> bool {
    digit(c).is_some() || unit(c).is_some()
}

/// The value of a cardinal such as 一百二十三, 两千零五, 三万五 (35 000), 12万. `None` for anything
/// else; digits in a row without a unit are read as a number as well.
pub fn cardinal(text: &str) -> Option<u64> {
    let chars: Vec<char> = text.chars().collect();
    if chars.is_empty() || !chars.iter().all(|&c| is_numeral(c)) {
        return None;
    }
    if chars.iter().all(|&c| digit(c).is_some()) {
        return chars.iter().try_fold(0u64, |sum, &c| {
            sum.checked_mul(10)?.checked_add(u64::from(digit(c)?))
        });
    }
    // What stands before 亿, before 万, and below it.
    let (mut total, mut wan, mut section, mut number) = (0u64, 0u64, 0u64, None::<u64>);
    let mut last_unit = 1u64;
    let mut zero = false;
    for &c in &chars {
        if let Some(value) = digit(c) {
            let value = u64::from(value);
            zero |= value == 0;
            number = Some(match number {
                Some(have) => have.checked_mul(10)?.checked_add(value)?,
                None => value,
            });
        } else {
            let unit = unit(c)?;
            if unit >= 10_000 {
                section = section.checked_add(number.take().unwrap_or(0))?;
                if unit == 10_000 {
                    wan = wan.checked_add(section)?.checked_mul(unit)?;
                } else {
                    let below = wan.checked_add(section)?;
                    total = total.checked_add(below)?.checked_mul(unit)?;
                    wan = 0;
                }
                section = 0;
            } else {
                // 零十万: the zero only says that a place is empty.
                let count = number.take().filter(|count| *count > 0).unwrap_or(1);
                section = section.checked_add(count.checked_mul(unit)?)?;
            }
            last_unit = unit;
            zero = false;
        }
    }
    // 三百五 is 350 and 三万五 is 35 000; 三百零五 is 305.
    let tail = match number {
        Some(value) if !zero && value < 10 && last_unit >= 100 => value * (last_unit / 10),
        Some(value) => value,
        None => 0,
    };
    total
        .checked_add(wan)?
        .checked_add(section)?
        .checked_add(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cardinals() {
        for (text, value) in [
            ("一百二十三", 123),
            ("两千零五", 2005),
            ("三百五", 350),
            ("三万五", 35_000),
            ("十", 10),
            ("十五", 15),
            ("二十", 20),
            ("一万零一十", 10_010),
            ("12万", 120_000),
            ("一亿零三百万", 103_000_000),
            ("四百二十", 420),
            ("二零二六", 2026),
        ] {
            assert_eq!(cardinal(text), Some(value), "{text}");
        }
        assert_eq!(cardinal("一下"), None);
        assert_eq!(cardinal(""), None);
        assert_eq!(cardinal(&"九".repeat(40)), None);
    }
}
