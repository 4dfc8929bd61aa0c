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
            11.10 caller said "退款要多久到账"
            11.12 intent refund-how-long 900
            11.14 passages, best 800
            11.19 say passage: 收到退货后五个工作日内到账。银行卡可能再晚一两天。
            15.74 say did-that-help: 这样说清楚了吗？
            21.90 caller said "清楚了"
            21.95 say anything-else: 请问还有别的可以帮您吗？
            25.96 caller said "没有了"
            26.01 say goodbye: 感谢您的来电，再见。
            27.81 call ended: AssistantFinished
            27.81 → hang up caller
            29.31 → finish
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
            9.88 caller said "how long do refunds take"
            9.90 intent refund-how-long 900
            9.92 passages, best 800
            9.97 say passage: The money is back within five working days. Banks may take a day longer.
            14.34 say did-that-help: Does that answer your question?
            20.26 caller said "no not really"
            20.31 say offer-person: Would you like me to put you through to a person?
            24.98 caller said "yes please"
            24.98 queue aftersales priority 0 because asked
            24.98 → enqueue aftersales tier "" en intent refund-how-long
            25.03 say to-person: Of course. I'll put you through to a person.
            27.67 → music on
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
            10.94 caller said "账单怎么回事"
            10.96 intent bill-query 560
            11.01 say confirm-intent: 您说的是查账单，对吗？
            15.58 caller said "对"
            15.58 flow bill at who
            15.58 flow identify at phone
            15.63 say phone-ask: 请说一下您注册用的手机号。
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
            10.94 caller said "账单怎么回事"
            10.96 intent bill-query 560
            11.01 say confirm-intent: 您说的是查账单，对吗？
            16.54 caller said "不是，我要退款"
            16.56 intent refund-request 900
            16.56 flow refund at which
            16.56 flow pick-order at said
            16.61 say order-ask: 请说一下八位的订单号。
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
            14.20 caller said "查一下我的账单，顺便看看快递到哪了"
            14.22 intent bill-query 930 also parcel-track 910
            14.22 flow bill at who
            14.34 connector ok
            14.39 say bill-open: 您10月的账单一共483.74元，还没有付清，最晚11月25日还款。
            20.56 say bill-want-lines: 要听一下明细吗？
            27.74 caller said "不用"
            27.74 slot want_lines = no
            27.74 flow bill done
            27.79 say offer-next: 您刚才还提到查快递，现在一起办吗？
            33.24 caller said "好的"
            33.24 flow parcel at which
            33.24 flow pick-order at said
            33.36 connector ok
            33.41 say order-is-newest: 您最近的一笔订单是女士羽绒服，是问这一单吗？
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
            10.60 caller said "what is the weather like"
            10.62 intent none 950
            10.64 passages, best 120
            10.64 no match 1
            10.69 say no-match: Sorry, I didn't get that. You can say, check my bill, track my parcel, or I'd like a refund. Or press 0 for a person.
            21.60 caller said "sing me a song"
            21.62 intent none 950
            21.64 passages, best 120
            21.64 no match 2
            21.69 say no-match-keys: I'm sorry, I still don't understand. Let's try the keypad.
            25.22 say menu: Please choose with the keypad. To check an order, press 1. To track a parcel, press 2. To check your bill, press 3. To ask for a refund, press 4. To book a visit, press 5. To file a complaint, press 6. To talk to a person, press 0. To hear this again, press the hash key.
            46.60 caller said "tell me a joke"
            46.62 intent none 950
            46.64 passages, best 120
            46.64 no match 3
            46.64 queue service priority 0 because no_match
            46.64 → enqueue service tier "" en intent -
            46.69 say to-person-sorry: I'm sorry I couldn't help. I'll put you through to a person.
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
            10.54 caller said "English please"
            10.54 language en
            10.59 say language-changed: Of course, let's speak English.
            12.50 say ask-open-short: What can I do for you?
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
            11.66 caller said "I want to check my bill"
            11.66 language en
            11.68 intent bill-query 930
            11.68 flow bill at who
            11.68 flow identify at phone
            11.73 say phone-ask: What's the phone number of your account?
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
            11.10 caller said "查一下我的账单"
            13.60 degraded: classifier → keypad menu
            13.65 say understanding-lost: 抱歉，系统有点慢，请您用按键选择。
            16.00 key 6
            16.00 flow complaint at story
            16.02 stopped after "抱歉，系统有点慢，请您用按键"
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
            9.84 degraded: recognizer: recognizer down → keypad menu
            9.89 say speech-lost: I'm sorry, I can't hear you well right now. Please use the keypad.
            12.00 key 0
            12.00 queue service priority 0 because asked
            12.00 → enqueue service tier "" en intent -
            12.02 stopped after "I'm sorry, I can't hear you well"
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
            20.96 caller said "转人工"
            20.96 intent agent-request 1000
            20.96 queue service priority 0 because asked
            20.96 → enqueue service tier "" zh intent -
            21.01 say to-person: 好的，正在为您转接人工客服。
            23.53 → music on
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
            9.60 caller said "I need a technician"
            9.62 intent appointment-book 870
            9.62 flow appointment at look-up
            9.74 connector ok
            9.79 say appointment-pick: These times are free: Number 1, November 23, 11 am to 1 pm. Number 2, November 23, 2 pm to 4 pm.
            20.32 caller said "the second one"
            20.32 slot slot = s-001
            20.37 say appointment-sure: November 23, 2 pm to 4 pm, is that right?
            25.70 caller said "correct"
            25.70 slot sure = yes
            25.82 connector ok
            25.82 flow appointment done
            25.87 say appointment-booked: It's booked. Our technician comes on November 23 between 2 pm and 4 pm and will ring you first.
            31.62 say anything-else: Is there anything else I can help you with?
            39.88 caller said "no that's all thank you"
            39.93 say goodbye: Thank you for calling. Goodbye.
            41.79 call ended: AssistantFinished
            41.79 → hang up caller
            43.29 → finish
        "#]],
    );
}

#[test]
fn a_wish_that_was_hardly_heard_is_confirmed_first() {
    check(
        "
        0.0 start zh wang
        9.5 caller~: 查一下我的账单
        18.0 caller: 对
        30.0 end
        ",
        expect![[r#"
            0.00 call started zh c-wang
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 王芳，您好。请问有什么可以帮您？
            11.10 caller said "查一下我的账单"
            11.12 intent bill-query 930
            11.17 say confirm-intent: 您说的是查账单，对吗？
            18.58 caller said "对"
            18.58 flow bill at who
            18.70 connector ok
            18.75 say bill-open: 您10月的账单一共483.74元，还没有付清，最晚11月25日还款。
            24.92 say bill-want-lines: 要听一下明细吗？
        "#]],
    );
}

#[test]
fn an_article_is_confirmed_first_for_words_hardly_heard() {
    check(
        "
        0.0 start en
        8.0 caller~: how long do refunds take
        16.0 caller: yes
        24.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            9.88 caller said "how long do refunds take"
            9.90 intent refund-how-long 900
            9.95 say confirm-intent: I understood: How long a refund takes. Is that right?
            16.70 caller said "yes"
            16.72 passages, best 800
            16.77 say passage: The money is back within five working days. Banks may take a day longer.
            21.14 say did-that-help: Does that answer your question?
        "#]],
    );
}

#[test]
fn nobody_is_hung_up_on_or_lectured_for_words_hardly_heard() {
    check(
        "
        0.0 start zh
        9.5 caller~: 没有了谢谢
        24.0 caller~: 蓝色的大象会飞
        36.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.78 caller said "没有了谢谢"
            10.80 intent none 950
            10.80 no match 1
            10.85 say no-match: 不好意思，我没有听明白。您可以说，查账单，查快递，或者我要退款；也可以按0转人工。
            25.60 caller said "蓝色的大象会飞"
            25.62 intent none 950
            25.62 no match 2
            25.67 say no-match-keys: 抱歉，我还是没听明白，我们试试按键吧。
            29.14 say menu: 请按键选择：查订单，请按1；查快递，请按2；查账单，请按3；申请退款，请按4；预约上门，请按5；登记投诉，请按6；人工客服，请按0；重听，请按井号键。
        "#]],
    );
}
