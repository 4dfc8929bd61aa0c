//! What is wanted: intents, doubts, answers, languages.

use crate::check;
use expect_test::expect;

#[test]
fn a_question_is_answered_from_the_knowledge_base() {
    check(
        "
        0.0 start zh
        9.5 caller: 退款要多久到账
        21.0 caller: 清楚了
        25.0 caller: 没有了
        32.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            11.22 caller said "退款要多久到账"
            11.24 intent refund-how-long 900
            11.26 passages, best 800
            11.31 say passage: 收到退货后五个工作日内到账。银行卡可能再晚一两天。
            15.86 say did-that-help: 这样说清楚了吗？
            21.98 caller said "清楚了"
            22.03 say anything-else: 请问还有别的可以帮您吗？
            26.08 caller said "没有了"
            26.13 say goodbye: 感谢您的来电，再见。
            27.93 call ended: AssistantFinished
            27.93 → hang up caller
            29.43 → finish
        "#]],
    );
}

#[test]
fn an_answer_that_does_not_help_leads_to_a_person() {
    check(
        "
        0.0 start en
        8.0 caller: how long do refunds take
        19.0 caller: no not really
        24.0 caller: yes please
        28.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            10.00 caller said "how long do refunds take"
            10.02 intent refund-how-long 900
            10.04 passages, best 800
            10.09 say passage: The money is back within five working days. Banks may take a day longer.
            14.46 say did-that-help: Does that answer your question?
            20.34 caller said "no not really"
            20.39 say offer-person: Would you like me to put you through to a person?
            25.06 caller said "yes please"
            25.06 queue aftersales priority 0 because asked
            25.06 → enqueue aftersales tier "" en intent refund-how-long
            25.11 say to-person: Of course. I'll put you through to a person.
            27.75 → music on
        "#]],
    );
}

#[test]
fn a_middling_score_is_confirmed() {
    check(
        "
        0.0 start zh
        9.5 caller: 账单怎么回事
        15.0 caller: 对
        19.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            11.06 caller said "账单怎么回事"
            11.08 intent bill-query 560
            11.13 say confirm-intent: 您是想查账单，对吗？
            15.66 caller said "对"
            15.66 flow bill at who
            15.66 flow identify at phone
            15.71 say phone-ask: 请说一下您注册用的手机号。
        "#]],
    );
}

#[test]
fn a_denied_guess_with_the_real_wish() {
    check(
        "
        0.0 start zh
        9.5 caller: 账单怎么回事
        15.0 caller: 不是，我要退款
        19.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            11.06 caller said "账单怎么回事"
            11.08 intent bill-query 560
            11.13 say confirm-intent: 您是想查账单，对吗？
            16.62 caller said "不是，我要退款"
            16.64 intent refund-request 900
            16.64 flow refund at which
            16.64 flow pick-order at said
            16.69 say order-ask: 请说一下八位的订单号。
        "#]],
    );
}

#[test]
fn two_wishes_in_one_sentence() {
    check(
        "
        0.0 start zh wang
        11.0 caller: 查一下我的账单，顺便看看快递到哪了
        27.0 caller: 不用
        32.5 caller: 好的
        36.0 end
        ",
        expect![[r#"
            0.00 call started zh c-wang
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 王芳，您好。请问有什么可以帮您？
            14.32 caller said "查一下我的账单，顺便看看快递到哪了"
            14.34 intent bill-query 930 also parcel-track 910
            14.34 flow bill at who
            14.46 connector ok
            14.51 say bill-open: 您10月的账单一共483.74元，还没有付清，最晚11月25日还款。
            20.68 say bill-want-lines: 要听一下明细吗？
            27.82 caller said "不用"
            27.82 slot want_lines = no
            27.82 flow bill done
            27.87 say offer-next: 您刚才还提到查快递，现在一起办吗？
            33.32 caller said "好的"
            33.32 flow parcel at which
            33.32 flow pick-order at said
            33.44 connector ok
            33.49 say order-is-newest: 您最近的一笔订单是女士羽绒服，是问这一单吗？
        "#]],
    );
}

#[test]
fn nothing_of_the_shop_three_times() {
    check(
        "
        0.0 start en
        8.0 caller: what is the weather like
        20.0 caller: sing me a song
        45.0 caller: tell me a joke
        50.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            10.70 caller said "what is the weather like"
            10.72 intent none 950
            10.74 passages, best 120
            10.74 no match 1
            10.79 say no-match: Sorry, I didn't get that. You can say, check my bill, track my parcel, or I'd like a refund. Or press 0 for a person.
            21.72 caller said "sing me a song"
            21.74 intent none 950
            21.76 passages, best 120
            21.76 no match 2
            21.81 say no-match-keys: I'm sorry, I still don't understand. Let's try the keypad.
            25.34 say menu: Please choose with the keypad. To check an order, press 1. To track a parcel, press 2. To check your bill, press 3. To ask for a refund, press 4. To book a visit, press 5. To file a complaint, press 6. To talk to a person, press 0. To hear this again, press the hash key.
            46.72 caller said "tell me a joke"
            46.74 intent none 950
            46.76 passages, best 120
            46.76 no match 3
            46.76 queue service priority 0 because no_match
            46.76 → enqueue service tier "" en intent -
            46.81 say to-person-sorry: I'm sorry I couldn't help. I'll put you through to a person.
        "#]],
    );
}

#[test]
fn english_please() {
    check(
        "
        0.0 start zh
        9.5 caller: English please
        14.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.66 caller said "English please"
            10.66 language en
            10.71 say language-changed: Of course, let's speak English.
            12.62 say ask-open-short: What can I do for you?
        "#]],
    );
}

#[test]
fn a_caller_who_speaks_the_other_language() {
    check(
        "
        0.0 start zh
        9.5 caller: I want to check my bill
        15.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            11.78 caller said "I want to check my bill"
            11.78 language en
            11.80 intent bill-query 930
            11.80 flow bill at who
            11.80 flow identify at phone
            11.85 say phone-ask: What's the phone number of your account?
        "#]],
    );
}

#[test]
fn a_dead_classifier_leads_to_keys() {
    check(
        "
        0.0 start zh
        1.0 dead classifier
        9.5 caller: 查一下我的账单
        16.0 key 6
        20.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            11.22 caller said "查一下我的账单"
            13.72 degraded: classifier → keypad menu
            13.77 say understanding-lost: 抱歉，系统有点慢，请您用按键选择。
            16.00 key 6
            16.00 flow complaint at story
            16.02 stopped after "抱歉，系统有点慢，请您用按"
            16.05 say complaint-ask: 很抱歉给您添麻烦了。请说说发生了什么，我来登记。
        "#]],
    );
}

#[test]
fn a_dead_recognizer_leads_to_keys() {
    check(
        "
        0.0 start en
        1.0 dead recognizer
        8.0 caller: check my bill
        12.0 key 0
        15.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            9.54 degraded: recognizer: recognizer down → keypad menu
            9.59 say speech-lost: I'm sorry, I can't hear you well right now. Please use the keypad.
            12.00 key 0
            12.00 queue service priority 0 because asked
            12.00 → enqueue service tier "" en intent -
            12.02 stopped after "I'm sorry, I can't hear you well right now"
            12.05 say to-person: Of course. I'll put you through to a person.
            14.69 → music on
        "#]],
    );
}

#[test]
fn no_recognizer_from_the_start() {
    check(
        "
        0.0 start zh nospeech
        8.0 key 0
        12.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.00 degraded: recognizer → keypad menu
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say menu: 请按键选择：查订单，请按1；查快递，请按2；查账单，请按3；申请退款，请按4；预约上门，请按5；登记投诉，请按6；人工客服，请按0；重听，请按井号键。
            8.00 key 0
            8.00 queue service priority 0 because asked
            8.00 → enqueue service tier "" zh intent -
            8.02 stopped after "请按键选择：查订单，请按1；查"
            8.05 say to-person: 好的，正在为您转接人工客服。
            10.57 → music on
        "#]],
    );
}

#[test]
fn the_recognizer_goes_away_in_mid_call() {
    check(
        "
        0.0 start zh
        9.5 speech off
        12.0 end
        ",
        expect![[r#"
              0.00 call started zh
              0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
              5.32 say welcome-open: 请问有什么可以帮您？
              9.50 degraded: recognizer → keypad menu
              9.55 say speech-lost: 抱歉，我现在听不清楚，请用按键。
        "#]],
    );
}

#[test]
fn a_dead_synthesizer_does_not_hold_the_call() {
    check(
        "
        0.0 start zh
        0.0 dead synthesizer
        10.0 alive synthesizer
        20.0 caller: 转人工
        24.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            13.27 degraded: synthesizer → the call goes on without the prompt
            19.27 no input 1
            19.32 say no-input: 不好意思，我没有听到您说话。
            20.47 barge-in
            20.49 stopped after "不好意思，我"
            21.08 caller said "转人工"
            21.08 intent agent-request 1000
            21.08 queue service priority 0 because asked
            21.08 → enqueue service tier "" zh intent -
            21.13 say to-person: 好的，正在为您转接人工客服。
            23.65 → music on
        "#]],
    );
}

#[test]
fn that_is_all_ends_the_call() {
    check(
        "
        0.0 start en wang
        8.0 caller: I need a technician
        19.0 caller: the second one
        25.0 caller: correct
        38.0 caller: no that's all thank you
        46.0 end
        ",
        expect![[r#"
            0.00 call started en c-wang
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            9.72 caller said "I need a technician"
            9.74 intent appointment-book 870
            9.74 flow appointment at look-up
            9.86 connector ok
            9.91 say appointment-pick: These times are free: Number 1, November 23, 11 am to 1 pm. Number 2, November 23, 2 pm to 4 pm.
            20.44 caller said "the second one"
            20.44 slot slot = s-001
            20.49 say appointment-sure: November 23, 2 pm to 4 pm, is that right?
            25.78 caller said "correct"
            25.78 slot sure = yes
            25.90 connector ok
            25.90 flow appointment done
            25.95 say appointment-booked: It's booked. Our technician comes on November 23 between 2 pm and 4 pm and will ring you first.
            31.70 say anything-else: Is there anything else I can help you with?
            40.00 caller said "no that's all thank you"
            40.05 say goodbye: Thank you for calling. Goodbye.
            41.91 call ended: AssistantFinished
            41.91 → hang up caller
            43.41 → finish
        "#]],
    );
}
