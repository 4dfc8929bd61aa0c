//! Who has the word: pauses, barge-in, backchannels, keys, silence.

use crate::check;
use expect_test::expect;

#[test]
fn a_prompt_is_interrupted_by_a_wish() {
    check(
        "
        0.0 start zh wang
        9.0 caller: 查一下我的账单
        13.0 caller: 查一下快递到哪了
        18.0 end
        ",
        expect![[r#"
            0.00 call started zh c-wang
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 王芳，您好。请问有什么可以帮您？
            10.60 caller said "查一下我的账单"
            10.62 intent bill-query 930
            10.62 flow bill at who
            10.74 connector ok
            10.79 say bill-open: 您10月的账单一共483.74元，还没有付清，最晚11月25日还款。
            13.60 barge-in
            13.62 stopped after "您10月的账单一共483.74元"
            14.76 caller said "查一下快递到哪了"
            14.78 intent parcel-track 910
            14.78 flow bill left
            14.78 flow parcel at which
            14.78 flow pick-order at said
            14.90 connector ok
            14.95 say order-is-newest: 您最近的一笔订单是女士羽绒服，是问这一单吗？
        "#]],
    );
}

#[test]
fn a_hum_does_not_stop_a_prompt() {
    check(
        "
        0.0 start zh
        5.6 caller: 嗯
        9.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            6.96 caller said "嗯"
            6.96 backchannel
        "#]],
    );
}

#[test]
fn an_english_hum_does_not_stop_a_prompt() {
    check(
        "
        0.0 start en
        6.0 caller: mm-hm
        10.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            6.76 caller said "mm-hm"
            6.76 backchannel
        "#]],
    );
}

#[test]
fn the_recording_notice_is_heard_to_its_end_and_the_wish_kept() {
    check(
        "
        0.0 start en
        1.0 caller: check my bill please
        9.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            2.60 caller said "check my bill please"
            5.11 intent bill-query 930
            5.11 flow bill at who
            5.11 flow identify at phone
            5.16 say phone-ask: What's the phone number of your account?
        "#]],
    );
}

#[test]
fn agent_over_a_prompt_stops_it_at_once() {
    check(
        "
        0.0 start en
        6.0 caller: agent
        9.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            6.43 barge-in
            6.45 stopped after "How can I help you"
            6.76 caller said "agent"
            6.76 intent agent-request 1000
            6.76 queue service priority 0 because asked
            6.76 → enqueue service tier "" en intent -
            6.81 say to-person: Of course. I'll put you through to a person.
        "#]],
    );
}

#[test]
fn a_key_over_a_prompt_stops_it() {
    check(
        "
        0.0 start zh
        7.5 key 3
        10.0 end
        ",
        expect![[r#"
              0.00 call started zh
              0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
              5.32 say welcome-open: 请问有什么可以帮您？
              7.50 key 3
              7.50 flow bill at who
              7.50 flow identify at phone
              7.55 say phone-ask: 请说一下您注册用的手机号。
        "#]],
    );
}

#[test]
fn a_key_over_the_notice_waits() {
    check(
        "
        0.0 start en
        1.0 key 0
        7.0 end
        ",
        expect![[r#"
              0.00 call started en
              0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
              1.00 key 0
              5.09 queue service priority 0 because asked
              5.09 → enqueue service tier "" en intent -
              5.14 say to-person: Of course. I'll put you through to a person.
        "#]],
    );
}

#[test]
fn a_noise_is_nothing() {
    check(
        "
        0.0 start en
        9.0 noise 0.08
        11.0 end
        ",
        expect![[r#"
              0.00 call started en
              0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
              5.14 say welcome-open: How can I help you today?
        "#]],
    );
}

#[test]
fn words_that_nobody_can_make_out_are_asked_for_at_once() {
    check(
        "
        0.0 start zh wang
        10.0 mumble 1.2
        24.0 caller: 查一下我的账单
        40.0 mumble 0.9
        46.0 end
        ",
        expect![[r#"
            0.00 call started zh c-wang
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 王芳，您好。请问有什么可以帮您？
            12.30 caller said ""
            12.30 no match 1
            12.35 say no-match: 不好意思，我没有听明白。您可以说，查账单，查快递，或者我要退款；也可以按0转人工。
            25.60 caller said "查一下我的账单"
            25.62 intent bill-query 930
            25.62 flow bill at who
            25.74 connector ok
            25.79 say bill-open: 您10月的账单一共483.74元，还没有付清，最晚11月25日还款。
            31.96 say bill-want-lines: 要听一下明细吗？
            39.40 no input 1
            39.45 say no-input: 不好意思，我没有听到您说话。
            40.80 barge-in
            40.82 stopped after "不好意思，我没有"
            42.00 caller said ""
            42.05 say no-input: 不好意思，我没有听到您说话。
            44.62 say bill-want-lines: 要听一下明细吗？
        "#]],
    );
}

#[test]
fn a_cough_is_not_asked_about() {
    check(
        "
        0.0 start zh
        9.0 mumble 0.4
        14.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.50 caller said ""
        "#]],
    );
}

#[test]
fn nothing_more_at_the_open_question_is_a_goodbye() {
    check(
        "
        0.0 start zh
        9.0 caller: 没有了谢谢
        16.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.28 caller said "没有了谢谢"
            10.33 say goodbye: 感谢您的来电，再见。
            12.13 call ended: AssistantFinished
            12.13 → hang up caller
            13.63 → finish
        "#]],
    );
}

#[test]
fn a_noise_that_is_no_word_starts_the_silence_anew() {
    check(
        "
        0.0 start en
        9.0 noise 0.4
        18.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            10.50 caller said ""
            16.50 no input 1
            16.55 say no-input: Sorry, I didn't hear anything.
        "#]],
    );
}

#[test]
fn silence_leads_to_keys_and_then_to_a_person() {
    check(
        "
        0.0 start zh
        60.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            13.12 no input 1
            13.17 say no-input: 不好意思，我没有听到您说话。
            15.74 say ask-open-short: 请问您想办理什么？
            23.36 no input 2
            23.41 say no-input-keys: 我还是没有听到您的声音，您也可以用按键。
            27.06 say menu: 请按键选择：查订单，请按1；查快递，请按2；查账单，请按3；申请退款，请按4；预约上门，请按5；登记投诉，请按6；人工客服，请按0；重听，请按井号键。
            46.56 no input 3
            46.56 queue service priority 0 because no_input
            46.56 → enqueue service tier "" zh intent -
            46.61 say to-person-sorry: 抱歉没能帮到您，我为您转接人工客服。
            49.85 → music on
        "#]],
    );
}

#[test]
fn silence_out_of_hours_ends_politely() {
    check(
        "
        0.0 start en closed
        75.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            12.64 no input 1
            12.69 say no-input: Sorry, I didn't hear anything.
            14.54 say ask-open-short: What can I do for you?
            21.86 no input 2
            21.91 say no-input-keys: I still can't hear you. You can also use the keypad.
            25.08 say menu: Please choose with the keypad. To check an order, press 1. To track a parcel, press 2. To check your bill, press 3. To ask for a refund, press 4. To book a visit, press 5. To file a complaint, press 6. To talk to a person, press 0. To hear this again, press the hash key.
            47.34 no input 3
            47.39 say no-input-bye: I can't hear you, so I'll hang up now. Please do call again.
            51.04 say goodbye: Thank you for calling. Goodbye.
            52.90 call ended: NoInput
            52.90 → hang up caller
            54.40 → finish
        "#]],
    );
}

#[test]
fn a_pause_for_thought_is_no_end() {
    check(
        "
        0.0 start zh
        9.5 caller: 我想查一下我的[0.9]账单
        14.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            12.32 caller said "我想查一下我的账单"
            12.34 intent bill-query 930
            12.34 flow bill at who
            12.34 flow identify at phone
            12.39 say phone-ask: 请说一下您注册用的手机号。
        "#]],
    );
}

#[test]
fn going_on_before_the_answer_makes_one_turn() {
    check(
        "
        0.0 start zh
        9.5 caller: 我想退个款[0.35]退款要多久
        14.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.78 caller said "我想退个款"
            11.93 caller said "退款要多久"
            11.95 intent refund-how-long 900
            11.97 passages, best 800
            12.02 say passage: 收到退货后五个工作日内到账。银行卡可能再晚一两天。
        "#]],
    );
}

#[test]
fn repeat_says_the_question_again() {
    check(
        "
        0.0 start en
        8.0 caller: can you say that again
        12.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            9.88 caller said "can you say that again"
            9.93 say welcome-open: How can I help you today?
        "#]],
    );
}

#[test]
fn thanks_and_goodbye() {
    check(
        "
        0.0 start zh
        9.5 caller: 好的谢谢
        14.0 caller: 再见
        22.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.62 caller said "好的谢谢"
            10.67 say you-are-welcome: 不客气。
            11.44 say welcome-open: 请问有什么可以帮您？
            14.80 caller said "再见"
            14.85 say goodbye: 感谢您的来电，再见。
            16.65 call ended: AssistantFinished
            16.65 → hang up caller
            18.15 → finish
        "#]],
    );
}

#[test]
fn a_goodbye_is_taken_back() {
    check(
        "
        0.0 start zh
        9.5 caller: 再见
        11.0 caller: 等一下，退款要多久
        20.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.30 caller said "再见"
            10.35 say goodbye: 感谢您的来电，再见。
            11.60 barge-in
            11.62 stopped after "感谢您的来电，再"
            12.92 caller said "等一下，退款要多久"
            12.94 intent refund-how-long 900
            12.96 passages, best 800
            13.01 say passage: 收到退货后五个工作日内到账。银行卡可能再晚一两天。
            17.56 say did-that-help: 这样说清楚了吗？
        "#]],
    );
}

#[test]
fn yes_over_the_end_of_the_question_is_an_answer() {
    check(
        "
        0.0 start en
        8.0 caller: where is my order
        14.0 caller: two zero six one one zero one eight
        18.6 caller: yes correct
        26.0 end
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
            19.58 caller said "yes correct"
            19.58 barge-in
            19.58 slot order confirmed
            19.58 flow pick-order done
            19.60 stopped after "Your order number is 2 0 6 1, 1 0 1 8, is that"
            19.70 connector ok
            19.70 flow order-status done
            19.75 say order-shipped: Your women's down jacket is on its way and should be with you on November 22.
            24.42 say anything-else: Is there anything else I can help you with?
        "#]],
    );
}

#[test]
fn a_noise_that_never_ends_is_no_word_either() {
    check(
        "
        0.0 start en
        8.0 noise 80
        75.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            18.80 utterance ended: Length
            19.00 caller said ""
            19.00 no input 1
            19.05 say no-input: Sorry, I didn't hear anything.
            20.90 say ask-open-short: What can I do for you?
            29.80 utterance ended: Length
            30.00 caller said ""
            30.00 no input 2
            30.05 say no-input-keys: I still can't hear you. You can also use the keypad.
            33.22 say menu: Please choose with the keypad. To check an order, press 1. To track a parcel, press 2. To check your bill, press 3. To ask for a refund, press 4. To book a visit, press 5. To file a complaint, press 6. To talk to a person, press 0. To hear this again, press the hash key.
            40.80 utterance ended: Length
            41.00 caller said ""
            41.60 barge-in
            41.62 stopped after "Please choose with the keypad. To check an order, press 1. To track a parcel, press 2. To check your bill, press 3. To ask for a refund,"
            51.80 utterance ended: Length
            52.00 caller said ""
            52.00 no input 3
            52.00 queue service priority 0 because no_input
            52.00 → enqueue service tier "" en intent -
            52.05 say to-person-sorry: I'm sorry I couldn't help. I'll put you through to a person.
            55.65 → music on
            62.80 utterance ended: Length
            63.00 caller said ""
            73.80 utterance ended: Length
            74.00 caller said ""
        "#]],
    );
}

#[test]
fn a_prompt_that_a_noise_cut_off_is_said_again() {
    check(
        "
        0.0 start en wang
        8.0 caller: check my bill
        11.0 noise 0.9
        20.0 end
        ",
        expect![[r#"
            0.00 call started en c-wang
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            9.32 caller said "check my bill"
            9.34 intent bill-query 930
            9.34 flow bill at who
            9.46 connector ok
            9.51 say bill-open: Your October bill is 483.74 yuan. It isn't paid yet and is due on November 25.
            11.80 barge-in
            11.82 stopped after "Your October bill is 483.74 yuan. It"
            13.00 caller said ""
            13.05 say bill-open: Your October bill is 483.74 yuan. It isn't paid yet and is due on November 25.
            17.78 say bill-want-lines: Would you like to hear the items?
        "#]],
    );
}
