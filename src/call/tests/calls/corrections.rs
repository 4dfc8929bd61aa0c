//! What callers take back, and what they ask in the middle of something else.

use crate::check;
use expect_test::expect;

#[test]
fn one_digit_of_the_number_read_back_is_put_right() {
    check(
        "
        0.0 start en
        8.0 caller: where is my order
        14.0 caller: two zero six one one zero one eight
        24.0 caller: no sorry nine one
        34.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            9.60 caller said "where is my order"
            9.62 intent order-status 880
            9.62 flow order-status at which
            9.62 flow pick-order at said
            9.67 say order-ask: What's your order number? It has eight digits.
            16.42 utterance ended: Complete
            16.62 caller said "two zero six one one zero one eight"
            16.62 slot order = 20611018
            16.67 say order-read-back: Your order number is 2 0 6 1, 1 0 1 8, is that right?
            25.54 caller said "no sorry nine one"
            25.54 slot order rejected: corrected by the caller
            25.54 slot order = 20611091
            25.59 say order-read-back: Your order number is 2 0 6 1, 1 0 9 1, is that right?
        "#]],
    );
}

#[test]
fn a_question_in_the_middle_of_a_task_is_answered() {
    check(
        "
        0.0 start zh wang
        11.0 caller: 查一下账单
        22.0 caller: 退款要多久到账
        34.0 caller: 清楚了
        38.0 end
        ",
        expect![[r#"
            0.00 call started zh c-wang
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 王芳，您好。请问有什么可以帮您？
            12.28 caller said "查一下账单"
            12.30 intent bill-query 930
            12.30 flow bill at who
            12.42 connector ok
            12.47 say bill-open: 您10月的账单一共483.74元，还没有付清，最晚11月25日还款。
            18.64 say bill-want-lines: 要听一下明细吗？
            23.60 caller said "退款要多久到账"
            23.62 intent refund-how-long 900
            23.62 flow bill left
            23.64 passages, best 800
            23.69 say passage: 收到退货后五个工作日内到账。银行卡可能再晚一两天。
            28.24 say did-that-help: 这样说清楚了吗？
            34.90 caller said "清楚了"
            34.95 say anything-else: 请问还有别的可以帮您吗？
        "#]],
    );
}
