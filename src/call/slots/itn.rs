//! Spoken form to written form, as a transcript is read: "二零二六年" → "2026年", "eleven forty p m"
//! → "11:40 p.m.".

mod chinese;
mod english;

use sidetone_types::Lang;

/// Writes the spoken numbers of a text in figures; everything else stays as it is.
pub fn itn(text: &str, lang: Lang) -> String {
    match lang {
        Lang::Zh => chinese::written(text),
        Lang::En => english::written(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callers_say_is_written_as_people_write_it() {
        for (spoken, written) in [
            ("我的订单号是二零六一一零一八", "我的订单号是20611018"),
            ("幺三八零零一三八零零零", "13800138000"),
            ("查一下十月份的账单", "查一下10月份的账单"),
            ("二零二六年十一月二十五日", "2026年11月25日"),
            ("多收了我三百五十块", "多收了我350块"),
            ("下午三点二十五分", "下午03:25"),
            ("十分感谢，万一不行呢", "十分感谢，万一不行呢"),
            ("便宜一点，等一下", "便宜一点，等一下"),
            ("涨了百分之五点五", "涨了5.5%"),
            ("第二十三个", "第23个"),
            ("一百一十万", "110万"),
            ("多扣了三百二十八块五", "多扣了328.5块"),
            ("一千二百六十七块四毛钱", "1267.4块钱"),
            ("三百块一个", "300块一个"),
            ("三又四分之一", "3又1/4"),
            ("十一亿零十万", "1,100,100,000"),
        ] {
            assert_eq!(itn(spoken, Lang::Zh), written, "{spoken}");
        }
        for (spoken, written) in [
            (
                "my order is two zero six one one zero one eight",
                "my order is 20611018",
            ),
            ("double five one", "551"),
            (
                "I paid twenty three dollars and fifty cents",
                "I paid $23.50",
            ),
            ("four hundred and twenty yuan", "420 yuan"),
            ("the third of november", "3 november"),
            ("november twenty third", "november 23"),
            ("come at eleven forty p m", "come at 11:40 p.m."),
            ("one second please", "one second please"),
            ("in twenty twelve", "in 2012"),
            ("the twenty third one", "the 23rd one"),
            ("come at two thirty", "come at 02:30"),
            ("it is two thirty nine one", "it is two 39 one"),
            ("it was minus twenty degrees", "it was -20 degrees"),
            ("july two thousand twelve", "july 2012"),
            ("march sixteen twenty twenty two", "march 16 2022"),
            ("two point five billion dollars", "$2.5 billion"),
            ("i paid one fifty five dollars", "i paid $155"),
            ("a hundred and ninety nine dollars", "$199"),
            ("fifty pounds and twenty pence", "£50.20"),
            ("the one hundredth caller", "the 100th caller"),
            ("in the nineteen eighties", "in the 1980s"),
        ] {
            assert_eq!(itn(spoken, Lang::En), written, "{spoken}");
        }
    }
}
