//! Whole tasks, from the wish to the answer.

use crate::check;
use expect_test::expect;

#[test]
fn a_known_caller_hears_the_bill() {
    check(
        "
        0.0 start zh wang
        11.0 caller: 查一下账单
        21.0 caller: 要
        29.0 caller: 没有了谢谢
        36.0 end
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
            21.58 caller said "要"
            21.58 slot want_lines = yes
            21.58 flow bill done
            21.63 say bill-lines: 明细是：分期手续费，13.74元。
            24.74 say anything-else: 请问还有别的可以帮您吗？
            30.28 caller said "没有了谢谢"
            30.33 say goodbye: 感谢您的来电，再见。
            32.13 call ended: AssistantFinished
            32.13 → hang up caller
            33.63 → finish
        "#]],
    );
}

#[test]
fn an_unknown_caller_gives_a_phone_number() {
    check(
        "
        0.0 start zh
        9.5 caller: 查账单
        14.0 caller: 一三八零零一三八零零零
        24.0 caller: 对
        34.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.46 caller said "查账单"
            10.48 intent bill-query 930
            10.48 flow bill at who
            10.48 flow identify at phone
            10.53 say phone-ask: 请说一下您注册用的手机号。
            15.94 utterance ended: Complete
            16.14 caller said "一三八零零一三八零零零"
            16.14 slot phone = ****8000
            16.19 say phone-read-back: 您的手机号尾号八零零零，对吗？
            24.58 caller said "对"
            24.58 slot phone confirmed
            24.70 connector ok
            24.70 flow identify done
            24.75 say customer-found: 好的，已经找到您的账户。
            24.82 connector ok
            26.96 say bill-open: 您10月的账单一共483.74元，还没有付清，最晚11月25日还款。
            33.13 say bill-want-lines: 要听一下明细吗？
        "#]],
    );
}

#[test]
fn a_phone_number_by_keys_stays_in_the_safe() {
    check(
        "
        0.0 start en
        8.0 caller: check my bill
        13.0 keys 13800138000
        22.0 caller: yes
        27.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            9.32 caller said "check my bill"
            9.34 intent bill-query 930
            9.34 flow bill at who
            9.34 flow identify at phone
            9.39 say phone-ask: What's the phone number of your account?
            13.00 key •
            13.20 key •
            13.40 key •
            13.60 key •
            13.80 key •
            14.00 key •
            14.20 key •
            14.40 key •
            14.60 key •
            14.80 key •
            15.00 key •
            15.00 → keep secret 0x8000
            15.00 slot phone = ****8000 by keys
            15.05 say phone-read-back: Your phone number ending in 8 0 0 0, is that right?
            22.70 caller said "yes"
            22.70 slot phone confirmed
            22.82 connector ok
            22.82 flow identify done
            22.87 say customer-found: Thank you, I've found your account.
            22.94 connector ok
            25.02 say bill-open: Your October bill is 483.74 yuan. It isn't paid yet and is due on November 25.
        "#]],
    );
}

#[test]
fn an_order_number_is_read_back_and_corrected() {
    check(
        "
        0.0 start en
        8.0 caller: where is my order
        14.0 caller: two zero six one one zero one seven
        25.0 caller: two zero six one one zero seven eight
        32.0 keys 20611018
        38.0 caller: yes that's right
        46.0 end
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
            16.62 caller said "two zero six one one zero one seven"
            16.62 slot order rejected: check digit or length
            16.67 say order-invalid: That order number doesn't check out. Could you look again and say it once more?
            27.42 utterance ended: Complete
            27.62 caller said "two zero six one one zero seven eight"
            27.62 slot order rejected: check digit or length
            27.67 say order-keys: Please enter the eight digits of the order number on the keypad.
            32.00 key •
            32.20 key •
            32.40 key •
            32.60 key •
            32.80 key •
            33.00 key •
            33.20 key •
            33.40 key •
            33.40 slot order = 20611018 by keys
            33.45 say order-read-back: Your order number is 2 0 6 1, 1 0 1 8, is that right?
            39.26 caller said "yes that's right"
            39.26 slot order confirmed
            39.26 flow pick-order done
            39.38 connector ok
            39.38 flow order-status done
            39.43 say order-shipped: Your women's down jacket is on its way and should be with you on November 22.
            44.10 say anything-else: Is there anything else I can help you with?
        "#]],
    );
}

#[test]
fn one_digit_is_put_right() {
    check(
        "
        0.0 start zh
        9.5 caller: 查订单
        14.0 caller: 二零六零九一五二
        22.0 caller: 不对，是二零六一一零一八
        31.0 caller: 对
        38.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.46 caller said "查订单"
            10.48 intent order-status 880
            10.48 flow order-status at which
            10.48 flow pick-order at said
            10.53 say order-ask: 请说一下八位的订单号。
            15.46 utterance ended: Complete
            15.66 caller said "二零六零九一五二"
            15.66 slot order = 20609152
            15.71 say order-read-back: 您的订单号是二零六零，九一五二，对吗？
            24.34 caller said "不对，是二零六一一零一八"
            24.34 slot order rejected: corrected by the caller
            24.34 slot order = 20611018
            24.39 say order-read-back: 您的订单号是二零六一，一零一八，对吗？
            31.58 caller said "对"
            31.58 slot order confirmed
            31.58 flow pick-order done
            31.70 connector ok
            31.70 flow order-status done
            31.75 say order-shipped: 您订的女士羽绒服已经发货，预计11月22日送到。
            36.12 say anything-else: 请问还有别的可以帮您吗？
        "#]],
    );
}

#[test]
fn an_order_number_said_with_the_wish() {
    check(
        "
        0.0 start zh wang
        11.0 caller: 查一下订单二零六一一零一八
        20.0 caller: 是的
        26.0 end
        ",
        expect![[r#"
            0.00 call started zh c-wang
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 王芳，您好。请问有什么可以帮您？
            13.56 caller said "查一下订单二零六一一零一八"
            13.58 intent order-status 880
            13.58 flow order-status at which
            13.58 flow pick-order at said
            13.58 slot order = 20611018
            13.63 say order-read-back: 您的订单号是二零六一，一零一八，对吗？
            20.74 caller said "是的"
            20.74 slot order confirmed
            20.74 flow pick-order done
            20.86 connector ok
            20.86 flow order-status done
            20.91 say order-shipped: 您订的女士羽绒服已经发货，预计11月22日送到。
            25.28 say anything-else: 请问还有别的可以帮您吗？
        "#]],
    );
}

#[test]
fn the_newest_order_is_offered_first() {
    check(
        "
        0.0 start en wang
        8.0 caller: where is my parcel
        16.0 caller: yes
        27.0 caller: yes
        33.0 caller: it is three days late and nobody answers my messages
        50.0 caller: no
        58.0 end
        ",
        expect![[r#"
            0.00 call started en c-wang
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            9.60 caller said "where is my parcel"
            9.62 intent parcel-track 910
            9.62 flow parcel at which
            9.62 flow pick-order at said
            9.74 connector ok
            9.79 say order-is-newest: Your latest order is the women's down jacket. Is it about that one?
            16.70 caller said "yes"
            16.70 slot is_newest = yes
            16.70 flow pick-order done
            16.82 connector ok
            16.87 say parcel-delayed: I'm sorry, your parcel is delayed; it's at Xuhui station, Shanghai. It should arrive on November 22.
            22.92 say parcel-want-complaint: Would you like me to file a complaint about it?
            27.70 caller said "yes"
            27.70 slot want_complaint = yes
            27.70 flow complaint at story
            27.75 say complaint-ask: I'm sorry about the trouble. Please tell me what happened and I'll write it down.
            37.20 caller said "it is three days late and nobody answers my messages"
            37.20 slot text = it is three days late and nobody answers my messages
            37.32 connector ok
            37.37 say complaint-filed: It's filed. Your ticket number is 4 8 2, 9 1 3, and we'll answer within one working day.
            42.70 say complaint-want-person: Would you like to talk to a person about it now?
            50.70 caller said "no"
            50.70 slot want_person = no
            50.70 flow complaint done
            50.70 flow parcel done
            50.75 say anything-else: Is there anything else I can help you with?
        "#]],
    );
}

#[test]
fn a_refund_is_asked_for_and_confirmed() {
    check(
        "
        0.0 start zh wang
        11.0 caller: 我要退款
        18.0 caller: 对
        25.0 caller: 确定
        36.0 end
        ",
        expect![[r#"
            0.00 call started zh c-wang
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 王芳，您好。请问有什么可以帮您？
            12.12 caller said "我要退款"
            12.14 intent refund-request 900
            12.14 flow refund at which
            12.14 flow pick-order at said
            12.26 connector ok
            12.31 say order-is-newest: 您最近的一笔订单是女士羽绒服，是问这一单吗？
            18.58 caller said "对"
            18.58 slot is_newest = yes
            18.58 flow pick-order done
            18.70 connector: not found
            18.82 connector ok
            18.87 say refund-sure: 要为女士羽绒服申请退款967元，确定吗？
            25.74 caller said "确定"
            25.74 slot sure = yes
            25.86 connector ok
            25.86 flow refund done
            25.91 say refund-started: 退款已经申请好了，金额967元，收到退货后5个工作日内原路退回。
            31.72 say anything-else: 请问还有别的可以帮您吗？
        "#]],
    );
}

#[test]
fn a_visit_is_picked_from_a_list() {
    check(
        "
        0.0 start zh wang
        11.0 caller: 帮我约个师傅
        25.0 caller: 第二个
        33.0 caller: 对
        43.0 end
        ",
        expect![[r#"
            0.00 call started zh c-wang
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 王芳，您好。请问有什么可以帮您？
            12.44 caller said "帮我约个师傅"
            12.46 intent appointment-book 870
            12.46 flow appointment at look-up
            12.58 connector ok
            12.63 say appointment-pick: 可以约这几个时间：第1个，11月23日上午11点到下午1点；第2个，11月23日下午2点到下午4点；
            25.96 caller said "第二个"
            25.96 slot slot = s-001
            26.01 say appointment-sure: 约11月23日下午2点到下午4点，对吗？
            33.58 caller said "对"
            33.58 slot sure = yes
            33.70 connector ok
            33.70 flow appointment done
            33.75 say appointment-booked: 约好了，师傅11月23日下午2点到下午4点上门，会提前给您打电话。
            39.74 say anything-else: 请问还有别的可以帮您吗？
        "#]],
    );
}

#[test]
fn no_visit_fits() {
    check(
        "
        0.0 start en wang
        8.0 caller: I need a technician
        19.0 caller: none of them
        25.0 end
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
            20.32 caller said "none of them"
            20.32 flow appointment handed_over
            20.32 queue aftersales priority 2 because flow
            20.32 → enqueue aftersales tier "vip" en intent appointment-book
            20.37 say appointment-none-fits: No problem. A colleague will find another time with you.
            23.73 → music on
        "#]],
    );
}

#[test]
fn three_bad_numbers_lead_to_a_person() {
    check(
        "
        0.0 start en
        8.0 caller: check my order
        14.0 caller: um I don't know
        22.0 caller: no idea
        32.0 caller: really no idea
        38.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            9.32 caller said "check my order"
            9.34 intent order-status 880
            9.34 flow order-status at which
            9.34 flow pick-order at said
            9.39 say order-ask: What's your order number? It has eight digits.
            15.60 caller said "um I don't know"
            15.62 no match 1
            15.67 say order-again: Could you say the order number again? It has eight digits.
            23.04 caller said "no idea"
            23.06 no match 2
            23.11 say order-keys: Please enter the eight digits of the order number on the keypad.
            33.32 caller said "really no idea"
            33.34 no match 3
            33.34 flow pick-order handed_over
            33.34 flow order-status handed_over
            33.34 queue service priority 0 because slot
            33.34 → enqueue service tier "" en intent order-status
            33.39 say to-person-sorry: I'm sorry I couldn't help. I'll put you through to a person.
            36.99 → music on
        "#]],
    );
}

#[test]
fn a_dead_connector_is_said_and_handed_over() {
    check(
        "
        0.0 start zh wang
        1.0 dead connector
        11.0 caller: 查一下账单
        26.0 end
        ",
        expect![[r#"
            0.00 call started zh c-wang
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 王芳，您好。请问有什么可以帮您？
            12.28 caller said "查一下账单"
            12.30 intent bill-query 930
            12.30 flow bill at who
            14.35 say one-moment: 正在为您查询，请稍等。
            20.30 degraded: connector → the caller hears that it cannot be looked up now
            20.30 connector: no answer in time
            20.30 flow bill handed_over
            20.30 queue service priority 2 because failed
            20.30 → enqueue service tier "vip" zh intent bill-query
            20.35 say system-down: 抱歉，系统现在查不到，我帮您转给同事处理。
            24.13 → music on
        "#]],
    );
}

#[test]
fn out_of_hours_a_message_is_taken() {
    check(
        "
        0.0 start zh closed
        9.5 caller: 转人工
        22.0 caller: 好的
        30.0 caller: 我的热水器一直在漏水
        44.0 caller: 没有了
        50.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.46 caller said "转人工"
            10.46 intent agent-request 1000
            10.51 say closed: 现在不是人工服务时间，人工客服每天九点到二十一点。
            15.06 say offer-message: 需要我帮您记下问题，让同事给您回电吗？
            22.74 caller said "好的"
            22.74 flow callback at message
            22.79 say message-ask: 请说一下您的问题，我们上班后给您回电。
            33.00 caller said "我的热水器一直在漏水"
            33.00 slot text = 我的热水器一直在漏水
            33.12 connector ok
            33.12 flow callback done
            33.17 say message-filed: 记下了，编号是四八二，九一三，同事上班后会给您回电。
            37.90 say anything-else: 请问还有别的可以帮您吗？
            44.96 caller said "没有了"
            45.01 say goodbye: 感谢您的来电，再见。
            46.81 call ended: AssistantFinished
            46.81 → hang up caller
            48.31 → finish
        "#]],
    );
}

#[test]
fn another_wish_leads_out_of_a_question() {
    check(
        "
        0.0 start zh
        9.5 caller: 查一下订单
        15.0 caller: 算了我要投诉
        19.0 caller: 送货太慢
        30.0 caller: 再见
        36.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.78 caller said "查一下订单"
            10.80 intent order-status 880
            10.80 flow order-status at which
            10.80 flow pick-order at said
            10.85 say order-ask: 请说一下八位的订单号。
            16.44 caller said "算了我要投诉"
            16.46 intent complaint-file 880
            16.46 flow pick-order left
            16.46 flow order-status left
            16.46 flow complaint at story
            16.51 say complaint-ask: 很抱歉给您添麻烦了。请说说发生了什么，我来登记。
            19.60 barge-in
            19.62 stopped after "很抱歉给您添麻烦了。请说说发生了什么"
            21.04 caller said "送货太慢"
            21.04 slot text = 送货太慢
            21.16 connector ok
            21.21 say complaint-filed: 已经登记好了，工单号是四八二，九一三，我们会在一个工作日内给您答复。
            27.38 say complaint-want-person: 现在要和人工客服谈谈吗？
            30.80 caller said "再见"
            30.80 flow complaint ended
            30.85 say goodbye: 感谢您的来电，再见。
            32.65 call ended: AssistantFinished
            32.65 → hang up caller
            34.15 → finish
        "#]],
    );
}

#[test]
fn the_list_is_answered_by_time() {
    check(
        "
        0.0 start en wang
        8.0 caller: I need a technician
        19.0 caller: the two pm one please
        24.0 caller: hmm let me think
        33.0 caller: yes
        40.0 end
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
            20.88 caller said "the two pm one please"
            20.88 slot slot = s-001
            20.93 say appointment-sure: November 23, 2 pm to 4 pm, is that right?
            25.60 caller said "hmm let me think"
            25.62 no match 1
            25.67 say yes-or-no: Please say yes or no.
            32.93 no input 1
            32.98 say no-input: Sorry, I didn't hear anything.
            33.70 caller said "yes"
            33.70 barge-in
            33.70 slot sure = yes
            33.72 stopped after "Sorry, I"
            33.82 connector ok
            33.82 flow appointment done
            33.87 say appointment-booked: It's booked. Our technician comes on November 23 between 2 pm and 4 pm and will ring you first.
            39.62 say anything-else: Is there anything else I can help you with?
        "#]],
    );
}
