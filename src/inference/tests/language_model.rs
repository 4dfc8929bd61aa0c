//! Language models: a server of the dialect, and a tiny GGUF that the test writes.

use crate::common::{Reply, serve};
use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use sidetone_inference::InferenceError;
use sidetone_inference::llm::{
    Chat, Gguf, GgufConfig, LanguageModel, OpenAiChat, OpenAiChatConfig, Secret,
};
use std::path::Path;
use std::time::Duration;

#[tokio::test]
async fn a_server_of_the_dialect_answers_and_its_faults_are_told() {
    let base = serve(|request| {
        let asked: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
        let (status, body) = match asked["messages"][1]["content"].as_str() {
            _ if request.header("authorization") != Some("Bearer k") => (401, String::new()),
            Some("empty") => (200, r#"{"choices":[]}"#.to_owned()),
            Some("strange") => (200, "<html>".to_owned()),
            Some(text) => (200, serde_json::json!({"choices": [{"message": {"content": format!(" {} {text} ", asked["model"].as_str().unwrap_or_default())}}]}).to_string()),
            None => (400, String::new()),
        };
        Reply { status, body: body.into_bytes(), ..Reply::default() }
    })
    .await;
    let model = |key: &str| {
        OpenAiChat::new(OpenAiChatConfig {
            base_url: format!("{base}/v1/"),
            key: Some(Secret::new(key)),
            model: "small".into(),
            timeout: Duration::from_secs(5),
        })
        .expect("a client")
    };
    assert_eq!(
        model("k")
            .answer(&Chat::ask("be brief", "hello"))
            .await
            .expect("an answer"),
        "small hello"
    );
    for (key, text, says) in [
        ("secret", "hello", "401"),
        ("k", "empty", "empty"),
        ("k", "strange", "cannot be read"),
    ] {
        let error = model(key)
            .answer(&Chat::ask("s", text))
            .await
            .expect_err("a fault")
            .to_string();
        assert!(error.contains(says) && !error.contains("secret"), "{error}");
    }
    let nobody = OpenAiChat::new(OpenAiChatConfig {
        base_url: "http://127.0.0.1:1/v1".into(),
        key: None,
        model: "m".into(),
        timeout: Duration::from_secs(2),
    })
    .unwrap();
    assert!(matches!(
        nobody.answer(&Chat::ask("s", "u")).await,
        Err(InferenceError::Http { .. })
    ));
}

const WORDS: [&str; 12] = [
    "<unk>",
    "</s>",
    "the",
    "caller",
    "wants",
    "a",
    "refund",
    "parcel",
    "is",
    "late",
    "user",
    "assistant",
];

/// A llama of one block and twelve words, with weights by a formula.
fn write_llama(dir: &Path) {
    let tensor = |k: usize, shape: &[usize]| {
        // The block is loud enough to be heard over the last word itself.
        let loud = if k < 3 { 0.5 } else { 3.0 };
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count)
            .map(|i| (loud * (0.9 * i as f64 + 1.7 * k as f64).sin()) as f32)
            .collect();
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu).expect("a tensor");
        QTensor::quantize(&tensor, GgmlDType::F32).expect("f32")
    };
    let mut tensors = vec![
        ("token_embd.weight".to_owned(), tensor(0, &[12, 16])),
        ("output_norm.weight".into(), tensor(1, &[16])),
        ("output.weight".into(), tensor(2, &[12, 16])),
    ];
    let block: [(&str, &[usize]); 9] = [
        ("attn_q", &[16, 16]),
        ("attn_k", &[16, 16]),
        ("attn_v", &[16, 16]),
        ("attn_output", &[16, 16]),
        ("ffn_gate", &[32, 16]),
        ("ffn_down", &[16, 32]),
        ("ffn_up", &[32, 16]),
        ("attn_norm", &[16]),
        ("ffn_norm", &[16]),
    ];
    for (k, (name, shape)) in block.iter().enumerate() {
        tensors.push((format!("blk.0.{name}.weight"), tensor(k + 3, shape)));
    }
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(n, t)| (n.as_str(), t)).collect();
    let fields = [
        ("general.architecture", Value::String("llama".into())),
        ("llama.attention.head_count", Value::U32(2)),
        ("llama.attention.head_count_kv", Value::U32(2)),
        ("llama.block_count", Value::U32(1)),
        ("llama.embedding_length", Value::U32(16)),
        ("llama.rope.dimension_count", Value::U32(8)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("tokenizer.ggml.eos_token_id", Value::U32(1)),
        (
            "tokenizer.chat_template",
            Value::String(
                "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}assistant".into(),
            ),
        ),
    ];
    let fields: Vec<(&str, &Value)> = fields.iter().map(|(n, v)| (*n, v)).collect();
    let mut file = std::fs::File::create(dir.join("tiny.gguf")).expect("a file");
    gguf_file::write(&mut file, &fields, &tensors).expect("written");
    let vocab: serde_json::Map<String, serde_json::Value> = WORDS
        .iter()
        .enumerate()
        .map(|(i, w)| ((*w).to_owned(), i.into()))
        .collect();
    let tokenizer = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"},
    });
    std::fs::write(dir.join("tokenizer.json"), tokenizer.to_string()).unwrap();
}

fn config(dir: &Path) -> GgufConfig {
    GgufConfig {
        path: dir.join("tiny.gguf"),
        timeout: Duration::from_secs(20),
        context_tokens_max: 64,
    }
}

#[tokio::test]
async fn a_local_file_answers_the_same_twice() {
    let dir = tempfile::tempdir().expect("a folder");
    write_llama(dir.path());
    let model = Gguf::load(config(dir.path())).expect("the model");
    let chat = Chat {
        tokens_max: 8,
        ..Chat::ask("the caller", "wants a refund")
    };
    let first = model.answer(&chat).await.expect("an answer");
    assert_eq!(
        model.answer(&chat).await.expect("an answer"),
        first,
        "the cache is forgotten between questions"
    );
    assert!(
        first.split(' ').count() <= 8
            && first.split(' ').all(|w| w.is_empty() || WORDS.contains(&w)),
        "{first}"
    );
    let other = model
        .answer(&Chat {
            tokens_max: 8,
            ..Chat::ask("parcel", "is late the parcel")
        })
        .await
        .expect("an answer");
    assert_ne!(other, first, "it reads the question");
    let long = model
        .answer(&Chat::ask("the", "parcel ".repeat(80)))
        .await
        .expect_err("too long")
        .to_string();
    assert!(long.contains("takes 64"), "{long}");
}

#[test]
fn files_that_are_no_language_model_are_refused_in_words() {
    let dir = tempfile::tempdir().expect("a folder");
    write_llama(dir.path());
    let whole = std::fs::read(dir.path().join("tiny.gguf")).unwrap();
    let huge = [
        b"GGUF".as_slice(),
        &3u32.to_le_bytes(),
        &u64::MAX.to_le_bytes(),
        &1u64.to_le_bytes(),
    ]
    .concat();
    let family = String::from_utf8_lossy(&whole)
        .find("llama")
        .expect("the family");
    let mut strange = whole.clone();
    strange[family..family + 5].copy_from_slice(b"mamba");
    let cases = [
        (vec![], "too short"),
        (vec![b'x'; 100], "not a GGUF file"),
        (huge, "header"),
        (whole[..whole.len() / 8].to_vec(), "tiny.gguf"),
        (strange, "mamba"),
    ];
    for (bytes, says) in cases {
        std::fs::write(dir.path().join("tiny.gguf"), bytes).unwrap();
        let error = Gguf::load(config(dir.path()))
            .err()
            .expect("refused")
            .to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
    std::fs::write(dir.path().join("tiny.gguf"), whole).unwrap();
    std::fs::remove_file(dir.path().join("tokenizer.json")).unwrap();
    let error = Gguf::load(config(dir.path()))
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("tokenizer.json"), "{error}");
}
