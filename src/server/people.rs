//! The people of the demo company.

use sidetone_records::store::{NewUser, Role, Store, StoreError, User};
use zeroize::Zeroizing;

/// A log-in of the demo, shown on the log-in page. Refused on any address but localhost.
pub struct DemoLogin {
    pub name: &'static str,
    pub password: &'static str,
    pub role: Role,
    pub display_zh: &'static str,
    pub display_en: &'static str,
    pub title_zh: &'static str,
    pub title_en: &'static str,
}

pub const DEMO_LOGINS: [DemoLogin; 7] = [
    login(
        "mei",
        "mei-demo",
        Role::Agent,
        [
            "陈梅",
            "Mei Chen",
            "客服（中英双语）",
            "Agent, Chinese and English",
        ],
    ),
    login(
        "jack",
        "jack-demo",
        Role::Agent,
        [
            "杰克",
            "Jack Miller",
            "客服（英语为主）",
            "Agent, mainly English",
        ],
    ),
    login(
        "lin",
        "lin-demo",
        Role::Agent,
        ["林涛", "Lin Tao", "客服（中文）", "Agent, Chinese"],
    ),
    login(
        "sun",
        "sun-demo",
        Role::Supervisor,
        ["孙敏", "Min Sun", "值班主管", "Supervisor"],
    ),
    login(
        "qiao",
        "qiao-demo",
        Role::Qa,
        ["乔安", "Ann Qiao", "质检", "Quality assurance"],
    ),
    login(
        "wen",
        "wen-demo",
        Role::Content,
        ["文静", "Jing Wen", "内容编辑", "Content editor"],
    ),
    login(
        "admin",
        "admin-demo",
        Role::Admin,
        ["管理员", "Administrator", "管理员", "Administrator"],
    ),
];

const fn login(
    name: &'static str,
    password: &'static str,
    role: Role,
    [display_zh, display_en, title_zh, title_en]: [&'static str; 4],
) -> DemoLogin {
    DemoLogin {
        name,
        password,
        role,
        display_zh,
        display_en,
        title_zh,
        title_en,
    }
}

/// Adds the demo's people, where they are missing.
pub async fn add_demo_people(store: &Store) -> Result<(), StoreError> {
    let known = store.users().await?;
    for login in DEMO_LOGINS
        .iter()
        .filter(|l| known.iter().all(|user| user.id != l.name))
    {
        let user = User {
            id: login.name.into(),
            name: login.name.into(),
            role: login.role,
            display_zh: login.display_zh.into(),
            display_en: login.display_en.into(),
        };
        let password = Zeroizing::new(login.password.to_owned());
        store.add_user(NewUser { user, password }).await?;
    }
    Ok(())
}

/// The names of demo people whose password is still the public one.
pub async fn with_demo_password(store: &Store) -> Result<Vec<&'static str>, StoreError> {
    let mut found = Vec::new();
    for login in &DEMO_LOGINS {
        if store
            .has_password(login.name, Zeroizing::new(login.password.to_owned()))
            .await?
        {
            found.push(login.name);
        }
    }
    Ok(found)
}
