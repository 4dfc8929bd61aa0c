"""The things callers say most often, word for word.

Why: requests are not uniform; a few dozen phrases make up most calls, so they get a share of their own in training. They are
exempt from the held-out rule and are not used in the held-out test sets; check.py reports them as a group of its own.
"""

ZH = '''查一下我的账单 我想查账单 查账单 查询账单 我的账单 账单是多少 我的快递到哪里了 查快递 查一下快递 我的包裹到哪里了 快递到哪了 查物流 我的订单到哪里了 查订单 查一下我的订单 查询订单
我要退款 我想退款 申请退款 怎么退款 退款什么时候到账 我要退货 我想退货 怎么退货 我要换货 我想换货 转人工 人工 人工客服 人工服务 我要转人工 我要人工服务 帮我转人工 找人工客服 请转人工 我要找人工
对 对的 是 是的 没错 不对 不是 不对是七 不对是一 不对是三 好 好的 好的谢谢 可以 可以的 不用 不用了 不用了谢谢 没有 没有了 没有了谢谢 不需要 谢谢 谢谢你 再见 拜拜 你好 您好 喂 喂你好 确认 取消
帮我预约上门维修 我要预约维修 预约上门维修 我想预约 取消预约 修改预约 明天上午 明天下午 后天上午 今天下午三点 明天下午三点 周三上午十点 星期六下午 我要投诉 我想投诉 我要投诉快递员 投诉
发票怎么开 我要开发票 开发票 怎么开发票 会员有什么好处 会员怎么办理 我想办会员 我的会员什么时候到期 积分怎么用 查积分 我的积分有多少 忘记密码了 我忘记密码了 怎么改密码 修改密码 账号登录不了
几点上班 几点关门 你们的营业时间 你们几点下班 营业时间是几点 周末上班吗 改地址 我要改地址 修改收货地址 取消订单 我要取消订单 帮我取消订单 怎么付款 可以分期付款吗 运费多少钱
请再说一遍 再说一遍 没听清 请说慢一点 等一下 请稍等 返回 返回主菜单 重复 帮助 我的快递丢了 我的快递还没收到 包裹破了 商品坏了 收到的东西坏了 发错货了 质量有问题 还没发货 什么时候发货 什么时候送到
我的订单号是 订单号是 我不知道 我不知道订单号 不记得了 我找不到订单号 满意 不满意 非常满意 你们卖自行车保险吗 今天天气怎么样 我的个人信息怎么用 删除我的信息 有人盗用我的账号
您好很高兴为您服务 我帮您查一下 请问有什么可以帮您 请问您的订单号是多少 您的包裹明天送到 好的请稍等 非常抱歉 请问还有什么可以帮您 感谢您的来电 祝您生活愉快 正在为您转接人工客服'''.split()

EN = '''check my bill|i'd like to check my bill|i want to check my bill|my bill|how much is my bill|billing|where is my parcel|where is my package|where is my order|track my order|track my parcel|i want to track my order|order status|i want a refund|i would like a refund|i want my money back|refund|i want to return this and get my money back|i want to return this|how do i return an item|return|exchange
agent|agent please|talk to a person|i want to talk to a person|speak to an agent|i want to speak to an agent|talk to an agent|operator|human please|customer service|can i speak to someone|transfer me to an agent|yes|yes please|yes that's right|that's right|that's correct|correct|no|no thank you|no thanks|no that's wrong|no sorry seven|no sorry one|no sorry three|no it's five|okay|ok|sure|thank you|thanks|thank you goodbye|goodbye|bye|hello|hi|good morning|good afternoon|cancel|confirm
book a repair|i want to book a repair|book an appointment|i need an appointment|cancel my appointment|change my appointment|tomorrow morning|tomorrow afternoon|tomorrow at three|on wednesday at ten|on saturday afternoon|i want to complain|i want to make a complaint|complaint|how do i get an invoice|i need an invoice|invoice|what are the benefits of membership|membership|how do i join|my points|check my points|i forgot my password|reset my password|i can't log in
what are your opening hours|opening hours|what time do you open|what time do you close|change my address|i want to change my address|cancel my order|i want to cancel my order|how can i pay|can i pay by card|how much is shipping|say that again|could you repeat that|pardon|please wait|hold on|go back|main menu|help|repeat|my parcel is lost|my parcel has not arrived|it arrived broken|the item is broken|i got the wrong item|when will it arrive|when will my order arrive|has it been shipped
my order number is|the order number is|i don't know|i don't know the number|i don't remember|i don't have it|i can't find it|that's all|nothing else|no that's all thank you|do you sell bicycle insurance|what is the weather today|delete my data|someone used my account
hello thank you for calling how can i help you|let me check that for you|how can i help you|may i have your order number|your parcel will arrive tomorrow|one moment please|i am sorry about the delay|is there anything else i can help you with|thank you for calling|have a nice day|i will transfer you to an agent'''.replace('\n', '|').split('|')

LISTS = {'zh': ZH, 'en': EN}
ALL = set(ZH) | set(EN)


def sentence(lang, r):
    """One frequent phrase; now and then with digits after it."""
    import text_en
    import text_zh
    if r.random() < .22:
        number = (text_en if lang == 'en' else text_zh).digits(r, *r.choice([(4, 12), (4, 12), (1, 3)]))
        lead = r.choice(['', '', 'the order number is ', 'my order number is ', "it's "] if lang == 'en' else ['', '', '订单号是', '我的订单号是', '是'])
        return lead + number
    return r.choice(LISTS[lang])
